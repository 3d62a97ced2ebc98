/** What came of an operation: one answer, or a log of events. */

import { byId, el, prose } from './dom.js'
import { tree } from './tree.js'

const MOST_EVENTS = 200
const LONGEST_WORD = 24 // letters of a value that still tells something in one line

export class Results {
  /** @param {(start: { line: number, column: number }) => void} goTo shows a place of the query */
  constructor(goTo) {
    this.goTo = goTo
    this.status = byId('status')
    this.answer = byId('answer')
    this.copied = null
    byId('copy').addEventListener('click', () => this.copy())
    this.idle()
  }

  idle() {
    const keys = el('dl.keys')
    for (const [key, what] of SHORTCUTS) {
      keys.append(
        el('dt', {}, ...key.split('-').flatMap((part, index) => [index ? '+' : '', el('kbd', {}, part)])),
        el('dd', {}, what),
      )
    }
    this.answer.replaceChildren(el('div.empty', {}, el('p', {}, 'Run an operation to see its answer here.'), keys))
  }

  begin() {
    this.setStatus('busy', 'Asking …')
    this.answer.classList.add('stale')
  }

  setStatus(state, ...parts) {
    const shown = parts.filter(Boolean).map((part) => el('span', {}, part))
    this.status.replaceChildren(el('span.dot', { 'data-state': state, 'aria-hidden': 'true' }), ...shown)
  }

  /** @param {import("./client.js").Answer} answer */
  show(answer) {
    const { status, milliseconds, bytes, result, text } = answer
    const errors = result?.errors ?? []
    const state = status >= 400 || !result ? 'bad' : errors.length ? 'warn' : 'good'
    this.setStatus(state, String(status), `${Math.round(milliseconds)} ms`, size(bytes), cost(answer))
    this.answer.classList.remove('stale')
    this.copied = result ? JSON.stringify(result, null, 2) : text
    byId('copy').hidden = false
    const body = result ? tree(result, ['errors']) : el('pre.json', {}, text || 'The answer is empty.')
    this.answer.replaceChildren(...errors.map((error) => this.error(error)), body)
    this.answer.scrollTop = 0
  }

  failed(message) {
    this.setStatus('bad', 'No answer')
    this.answer.classList.remove('stale')
    byId('copy').hidden = true
    this.answer.replaceChildren(el('div.error-box', {}, el('p', {}, message)))
  }

  error({ message, locations, path, extensions }) {
    const places = (locations ?? []).map((place) =>
      el(
        'button.link',
        { type: 'button', onclick: () => this.goTo(place) },
        `line ${place.line}, column ${place.column}`,
      ),
    )
    const wait = extensions?.retryAfterSeconds
    return el(
      'div.error-box',
      { role: 'alert' },
      el('p', {}, prose(message)),
      el(
        'p.where',
        {},
        extensions?.code ? el('span.chip', {}, extensions.code) : null,
        ...places,
        path ? el('code', {}, path.join('.')) : null,
        wait ? `Try again in ${Math.ceil(wait)} s.` : null,
      ),
    )
  }

  async copy() {
    await navigator.clipboard.writeText(this.copied)
    byId('copy').textContent = 'Copied'
    setTimeout(() => (byId('copy').textContent = 'Copy'), 1500)
  }

  /** Begin a log of events; it answers to `event` and `state`. */
  stream() {
    this.answer.classList.remove('stale')
    byId('copy').hidden = true
    this.count = 0
    this.log = el('ol.log', { role: 'log', 'aria-label': 'Events, newest first', reversed: true })
    this.note = el('p.note')
    this.answer.replaceChildren(this.note, this.log)
  }

  state(state, note) {
    const kind = { connecting: 'busy', live: 'good', waiting: 'warn', ended: 'idle' }[state]
    const word = { connecting: 'Connecting', live: 'Live', waiting: 'Lost', ended: 'Ended' }[state]
    this.setStatus(kind, word, `${this.count} event${this.count === 1 ? '' : 's'}`)
    this.note.textContent = note
    if (state === 'waiting') {
      this.log.prepend(el('li.break', {}, el('time', {}, clock()), ' ', note))
    }
  }

  event(result) {
    this.count += 1
    this.setStatus('good', 'Live', `${this.count} event${this.count === 1 ? '' : 's'}`)
    const [value] = Object.values(result.data ?? {})
    const body = el('div')
    const isFirst = !this.log.querySelector('details[open]') || this.log.querySelector('details').open
    const fill = () => body.childElementCount || body.append(tree(result.data ?? null))
    const details = el(
      'details',
      { ontoggle: ({ target }) => target.open && fill() },
      el(
        'summary',
        {},
        el('span.number', {}, `#${this.count}`),
        ' ',
        el('time', {}, clock()),
        ' ',
        el('span', {}, summary(value)),
      ),
      ...(result.errors ?? []).map((error) => this.error(error)),
      body,
    )
    if (isFirst) {
      this.log.querySelector('details[open]')?.removeAttribute('open')
      details.open = true
    }
    this.log.prepend(el('li', {}, details))
    while (this.log.childElementCount > MOST_EVENTS) {
      this.log.lastElementChild.remove()
    }
  }
}

const SHORTCUTS = [
  ['Ctrl-Enter', 'run'],
  ['Ctrl-Space', 'complete'],
  ['Shift-Ctrl-F', 'prettify'],
  ['Ctrl-/', 'comment'],
  ['F1', 'what is at the caret, in the schema'],
]

/** What an event holds, in a few words: its short values, and how many of what it lists. */
function summary(value) {
  const words = Object.entries(value ?? {}).map(([key, part]) => {
    if (Array.isArray(part)) {
      return `${key}: ${part.length}`
    }
    const isPlain = ['string', 'number'].includes(typeof part) && key !== 'cursor' && !/\d{4}-\d\d-\d\dT/.test(part)
    return isPlain && String(part).length <= LONGEST_WORD ? String(part) : null
  })
  return words.filter(Boolean).join(' · ')
}

function clock() {
  return new Date().toLocaleTimeString([], { hour12: false })
}

function size(bytes) {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(bytes < 10_000 ? 1 : 0)} kB`
}

/** What the operation cost, where the answer tells. */
function cost({ result }) {
  const refused = result?.errors?.find(({ extensions }) => extensions?.cost !== undefined)
  const points = result?.data?.rateLimit?.cost ?? refused?.extensions.cost
  return points === undefined ? null : `cost ${points}`
}
