// The board: matches with their best prices, in the terminal or, when bundled for a browser, in the page.

import { ask } from './errors.js'
import { LeaguesDocument } from './generated/graphql.js'
import { follow, type Book, type Change } from './live.js'

const ROWS = 20
const page = 'document' in globalThis ? document.body.appendChild(document.createElement('pre')) : null
const url = page ? new URL('/graphql', location.href).href : process.argv[2] ?? 'http://127.0.0.1:8000/graphql'
const webSocketImpl = globalThis.WebSocket ?? (await import('ws')).WebSocket // Node 20 has none of its own

/** The best open price of each outcome, by match and by outcome. */
function best(book: Book): Map<string, Map<string, Change>> {
  const matches = new Map<string, Map<string, Change>>()
  for (const change of book.values()) {
    if (!change.quote.isAvailable) continue
    const { price, selection } = change.quote
    const outcomes = matches.get(change.match.id) ?? new Map<string, Change>()
    const known = outcomes.get(selection.key)
    if (!known || price.decimal > known.quote.price.decimal) outcomes.set(selection.key, change)
    matches.set(change.match.id, outcomes)
  }
  return matches
}

function cell(change: Change | undefined): string {
  if (!change) return '-'.padStart(22)
  const arrow = change.move ? (change.move > 0 ? '▲' : '▼') : ' '
  const { price, bookmaker } = change.quote
  return `${arrow} ${price.decimal.toFixed(2).padStart(6)} ${bookmaker.name.slice(0, 13).padEnd(13)}`
}

function row(outcomes: Map<string, Change>): string {
  const { kickoffAt, homeTeam, awayTeam } = [...outcomes.values()][0]!.match
  const teams = `${homeTeam.name} – ${awayTeam.name}`.slice(0, 44).padEnd(44)
  return [kickoffAt.slice(5, 16), teams, ...['home', 'draw', 'away'].map((key) => cell(outcomes.get(key)))].join('  ')
}

function board(book: Book): string {
  return [...best(book).values()].map(row).sort().slice(0, ROWS).join('\n')
}

function show(text: string): void {
  if (page) page.textContent = text
  else console.log(process.stdout.isTTY ? `\x1b[2J\x1b[H${text}` : text)
}

const { data } = await ask(url, LeaguesDocument, {})
const leagues = data!.leagues.nodes.map(({ id }) => id)
follow(url, leagues, (book, { kind, changes }) => {
  show(`${board(book)}\n${kind} ${changes.length} changes, ${book.size} prices`)
}, console.error, webSocketImpl)
