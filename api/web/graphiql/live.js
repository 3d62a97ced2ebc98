/** A subscription over graphql-transport-ws that survives lost connections. */

const PROTOCOL = 'graphql-transport-ws'
const ALIVE_AFTER = 20_000 // milliseconds of silence before the server is asked, and again before it counts as lost
const WAITS = [500, 1000, 2000, 5000, 10_000] // milliseconds before each new try; the last one holds
const FINAL = {
  4400: 'a message was wrong',
  4401: 'the session has ended',
  4403: 'the sign-in was refused',
  4406: 'the protocol is not spoken',
}

/**
 * Begin a subscription.
 * @param {object} options
 * @param {string} options.url of the WebSocket
 * @param {() => object} options.operation what to subscribe to, asked anew at every connection
 * @param {() => Promise<object>} options.greeting what `connection_init` carries, asked anew too
 * @param {(result: object) => void} options.onEvent
 * @param {(state: "connecting"|"live"|"waiting"|"ended", note: string) => void} options.onState
 * @returns {() => void} ends it
 */
export function subscribe(options) {
  const subscription = new Subscription(options)
  subscription.connect()
  return () => subscription.end('Stopped.')
}

class Subscription {
  constructor(options) {
    Object.assign(this, options)
    this.tries = 0
    this.isOver = false
  }

  async connect() {
    this.onState('connecting', this.tries ? `Connecting again, try ${this.tries + 1}.` : 'Connecting.')
    let payload
    try {
      payload = await this.greeting()
    } catch (error) {
      this.end(error.message)
      return
    }
    if (this.isOver) {
      return
    }
    const socket = new WebSocket(this.url, PROTOCOL)
    this.socket = socket
    socket.onopen = () => this.post({ type: 'connection_init', payload })
    socket.onmessage = ({ data }) => this.heard(JSON.parse(data))
    socket.onclose = ({ code, reason }) => socket === this.socket && this.closed(code, reason)
    this.watch()
  }

  post(message) {
    this.socket.send(JSON.stringify(message))
  }

  heard(message) {
    this.watch()
    if (message.type === 'connection_ack') {
      this.tries = 0
      this.post({ id: '1', type: 'subscribe', payload: this.operation() })
      this.onState('live', 'Connected.')
    } else if (message.type === 'ping') {
      this.post({ type: 'pong' })
    } else if (message.type === 'next') {
      this.onEvent(message.payload)
    } else if (message.type === 'error') {
      this.onEvent({ errors: message.payload })
      this.end('The API refused it.')
    } else if (message.type === 'complete') {
      this.end('The API has ended it.')
    }
  }

  /** Ask a silent server whether it is there, then take it for lost. */
  watch(isAsked = false) {
    clearTimeout(this.watching)
    this.watching = setTimeout(() => {
      if (isAsked || this.socket.readyState !== WebSocket.OPEN) {
        this.lost('The connection went silent.')
      } else {
        this.post({ type: 'ping' })
        this.watch(true)
      }
    }, ALIVE_AFTER)
  }

  closed(code, reason) {
    if (code in FINAL) {
      this.end(`Closed: ${reason || FINAL[code]} (${code}).`)
    } else if (!this.isOver) {
      this.lost(`The connection was lost (${code}).`)
    }
  }

  lost(why) {
    this.drop()
    const wait = WAITS[Math.min(this.tries, WAITS.length - 1)]
    this.tries += 1
    this.onState('waiting', `${why} Trying again in ${wait / 1000} s.`)
    this.waiting = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2))
  }

  drop() {
    clearTimeout(this.watching)
    const { socket } = this
    this.socket = null
    socket?.close(1000)
  }

  end(note) {
    if (!this.isOver) {
      this.isOver = true
      clearTimeout(this.waiting)
      this.drop()
      this.onState('ended', note)
    }
  }
}
