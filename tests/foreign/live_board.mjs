// Follows odds with the example's own client, and prints every update with the book after it as a line of JSON.
// Runs beside the built example.

import { ask } from './dist/errors.js'
import { LeaguesDocument } from './dist/generated/graphql.js'
import { follow } from './dist/live.js'
import WebSocket from 'ws'

const [url] = process.argv.slice(2)
const { data } = await ask(url, LeaguesDocument, {})

function fail(problem) {
  console.error(problem)
  process.exit(1)
}

follow(url, data.leagues.nodes.map(({ id }) => id), (book, { kind, changes }) => {
  const prices = [...book.values()].map(({ quote }) => (
    [quote.selection.id, quote.bookmaker.id, quote.price.decimal, quote.isAvailable]
  ))
  console.log(JSON.stringify({ kind, sequences: changes.map(({ sequence }) => sequence), prices }))
}, fail, WebSocket)
