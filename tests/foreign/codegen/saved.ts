// The saved operations as graphql-codegen types them, sent to a server.

import { strict as assert } from 'node:assert'

import type { ResultOf, TypedDocumentNode, VariablesOf } from '@graphql-typed-document-node/core'
import { print } from 'graphql'

import { LiveOddsDocument, OddsBoardDocument, PlaceDocument, TodayDocument } from './generated/graphql.js'

async function ask<Data, Variables>(
  url: string,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: print(document), variables }),
  })
  const { data, errors } = await answer.json() as { data: Data, errors?: unknown }
  assert.equal(errors, undefined)
  return data
}

type Change = ResultOf<typeof LiveOddsDocument>['oddsChanged']['changes'][number]
const price = (change: Change): number => change.quote.price.decimal

// What does not fit the schema does not compile.
type Input = VariablesOf<typeof PlaceDocument>['input']
// @ts-expect-error a bet belongs to a bankroll
const homeless: Input = { legs: [], stake: { amount: '10.00', currencyCode: 'EUR' } }
// @ts-expect-error there is no such window
const never: VariablesOf<typeof TodayDocument> = { filter: { window: 'NEVER' } }
// @ts-expect-error the price is a number
const wrong: (change: Change) => string = (change) => change.quote.price.decimal
void [price, homeless, never, wrong]

const [url] = process.argv.slice(2) as [string]
const today = await ask(url, TodayDocument, { filter: { window: 'NEXT_7_DAYS' } })
const first = today.matches.nodes[0]
assert.ok(first)
const start: string = first.kickoffAt
assert.ok(Date.parse(start))
const home: number | undefined = first.forecast?.result?.home
const board = await ask(url, OddsBoardDocument, { id: first.id })
const cursor: string | undefined = board.match?.oddsBoard?.cursor
assert.ok(cursor)
console.log(JSON.stringify({
  Today: `${today.matches.nodes.length} of ${today.matches.totalCount} matches`,
  home: home === undefined ? 'none yet' : home.toFixed(2),
  OddsBoard: `${board.match?.oddsBoard?.rows.length} bookmakers`,
}))
