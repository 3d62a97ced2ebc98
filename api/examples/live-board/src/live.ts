// Live odds that go on where they stopped: whatever breaks, no change is missed and none comes twice.

import { createClient } from 'graphql-ws'

import { LiveOddsDocument, type LiveOddsSubscription } from './generated/graphql.js'

export type Update = LiveOddsSubscription['oddsChanged']
export type Change = Update['changes'][number]
/** The newest change of each bookmaker's price of each selection. */
export type Book = Map<string, Change>

const SILENCE = 45_000 // milliseconds; a HEARTBEAT comes every 15 seconds

/** Hand the book to `take` after every update of these leagues; answers what ends it. */
export function follow(
  url: string,
  leagues: string[],
  take: (book: Book, update: Update) => void,
  fail: (problem: unknown) => void,
  webSocketImpl: unknown = WebSocket,
): () => void {
  const book: Book = new Map()
  const variables = { leagues, after: null as string | null }
  const address = url.replace(/^http/, 'ws')
  const client = createClient({ url: address, webSocketImpl, retryAttempts: Infinity, shouldRetry: () => true })
  let silent = setInterval(client.terminate, SILENCE)

  function next(update: Update) {
    clearInterval(silent)
    silent = setInterval(client.terminate, SILENCE) // a line that is dead without having said so: connect again
    if (update.kind === 'GAP') book.clear() // too far behind; a SNAPSHOT follows
    for (const change of update.changes) { // of a SNAPSHOT or a DELTA; a HEARTBEAT has none
      const { bookKey, observedAt } = change.quote // its `id` is another one with every price
      const known = book.get(bookKey)?.quote.observedAt ?? observedAt
      if (Date.parse(observedAt) >= Date.parse(known)) book.set(bookKey, change) // an older one amends the past
    }
    variables.after = update.cursor // what the client sends when it connects again
    take(book, update)
  }

  const stop = client.subscribe<LiveOddsSubscription>({ query: LiveOddsDocument.toString(), variables }, {
    next: ({ data, errors }) => (data ? next(data.oddsChanged) : fail(errors)),
    error: fail,
    complete: () => clearInterval(silent),
  })
  return () => {
    clearInterval(silent)
    stop()
  }
}
