/** Runs operations: once over HTTP, or live over a WebSocket until it is stopped. */

import { send } from './client.js'
import { subscribe } from './live.js'

export class Runner {
  /**
   * @param {object} parts
   * @param {string} parts.url of the graph
   * @param {import('./results.js').Results} parts.results
   * @param {() => Promise<object>} parts.greeting the headers of a request
   * @param {() => void} parts.changed called when a subscription begins or ends
   */
  constructor({ url, results, greeting, changed }) {
    this.url = url
    this.results = results
    this.greeting = greeting
    this.changed = changed
    this.end = null
    this.waiting = null
  }

  /** Whether a subscription runs. */
  get isLive() {
    return this.end !== null
  }

  /** Run an operation; answers its result, or null for a subscription and where there is none. */
  async run(operation, { isLive, uses }) {
    this.stop()
    if (isLive) {
      this.subscribe(operation, uses)
      return null
    }
    this.waiting?.abort()
    const waiting = (this.waiting = new AbortController())
    this.results.begin()
    try {
      const answer = await send(this.url, operation, { headers: await this.greeting(), signal: waiting.signal })
      this.results.show(answer)
      return answer.result
    } catch (error) {
      if (error.name !== 'AbortError') {
        this.results.failed(error instanceof TypeError ? 'The API does not answer. Is it running?' : error.message)
      }
      return null
    }
  }

  subscribe(operation, uses) {
    const { results } = this
    const after = resuming(uses)
    let cursor
    results.stream()
    this.end = subscribe({
      url: this.url.replace(/^http/, 'ws'),
      greeting: this.greeting,
      operation: () =>
        after && cursor ? { ...operation, variables: { ...operation.variables, [after]: cursor } } : operation,
      onEvent: (result) => {
        cursor = Object.values(result.data ?? {})[0]?.cursor ?? cursor
        results.event(result)
      },
      onState: (state, note) => {
        const goesOn = state === 'live' && cursor !== undefined
        results.state(state, goesOn ? resumed(after) : note)
        if (state === 'ended') {
          this.end = null
        }
        this.changed()
      },
    })
    this.changed()
  }

  stop() {
    this.end?.()
  }
}

/** The variable by which a subscription goes on after a lost connection. */
function resuming(uses) {
  for (const [name, places] of uses) {
    if (places.some(({ coordinate }) => /^Subscription\.\w+\(after:\)$/.test(coordinate))) {
      return name
    }
  }
  return null
}

function resumed(after) {
  return after
    ? `Connected again; goes on after the last cursor, through \`$${after}\`.`
    : 'Connected again, from the present on: with a variable for `after` it would go on where it stopped.'
}
