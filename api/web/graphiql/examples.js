/** The saved operations, and what their variables, or anybody's, can be filled in with so that they work at once. */

import { parse } from './language/parser.js'
import { isRequired, nameOf, nullable } from './language/schema.js'

/** The operations of a document, each with the fragments that it uses and the comment above it as its title.
 * @returns {{ name: string, operation: string, title: string, source: string }[]} */
export function savedOperations(source) {
  const { definitions, comments } = parse(source)
  const fragments = new Map(definitions.filter(({ kind }) => kind === 'fragment').map((each) => [each.name.text, each]))
  const cut = ({ start, end }) => source.slice(start, end)
  return definitions
    .filter(({ kind }) => kind === 'operation')
    .map((definition) => {
      const comment = comments.findLast(
        ({ end }) => end < definition.start && !source.slice(end, definition.start).trim(),
      )
      const used = [...spreadsOf(definition, fragments)].map((name) => cut(fragments.get(name)))
      const title = comment?.text.replace(/^#\s*/, '') ?? ''
      const parts = [title ? `# ${title}\n${cut(definition)}` : cut(definition), ...used]
      return { name: definition.name.text, operation: definition.operation, title, source: `${parts.join('\n\n')}\n` }
    })
}

function spreadsOf({ selections }, fragments, found = new Set()) {
  for (const selection of selections ?? []) {
    const name = selection.kind === 'spread' ? selection.name.text : null
    if (name && fragments.has(name) && !found.has(name)) {
      found.add(name)
      spreadsOf(fragments.get(name), fragments, found)
    }
    spreadsOf(selection, fragments, found)
  }
  return found
}

/** What a variable would need somebody to be signed in for. */
export class NeedsSignIn extends Error {}

/** Finds values for variables by where they are used, with questions to the API. */
export class Filler {
  /** @param {(query: string, variables?: object) => Promise<object>} ask */
  constructor(ask, schema, isSignedIn) {
    this.ask = ask
    this.schema = schema
    this.isSignedIn = isSignedIn
    this.seen = {} // what was used or answered last: match, cursor with its match, job
  }

  /** Values for the variables of an operation that have none, and a sentence on what was chosen.
   * Throws NeedsSignIn, or Error with what the API said.
   * @returns {Promise<{ values: object, note: string }>} */
  async fill(operation, uses, given = {}) {
    this.notes = []
    const values = {}
    for (const { name, type, value } of operation.variables) {
      const use = uses.get(name.text)?.[0]
      const recipe = RECIPES[use?.coordinate]
      if (recipe) {
        values[name.text] = await recipe(this, type)
      } else if (given[name.text] !== undefined) {
        values[name.text] = given[name.text]
      } else if (type.kind === 'NON_NULL' && !value) {
        values[name.text] = this.sample(type)
      }
    }
    return { values, note: [...new Set(this.notes)].join(' ') }
  }

  /** Remember what an operation was asked about and what it answered. */
  remember(operation, uses, variables, data) {
    for (const [name, places] of uses) {
      const value = [variables[name]].flat()[0]
      if (value && places.some(({ coordinate }) => MATCHES.includes(coordinate))) {
        this.seen.match = {
          id: value,
          name: this.seen.match?.id === value ? this.seen.match.name : 'the match asked for last',
        }
      }
    }
    const cursor = data?.match?.oddsBoard?.cursor
    if (cursor) {
      this.seen.cursor = { match: this.seen.match?.id, value: cursor }
    }
    const job = Object.values(data ?? {}).find((payload) => payload?.job?.id)?.job
    if (job) {
      this.seen.job = job.id
    }
  }

  /** The match asked about last, else the next one with prices. */
  async match() {
    this.seen.match ??= await this.nextMatch()
    this.notes.push(`Match: ${this.seen.match.name}.`)
    return this.seen.match.id
  }

  async nextMatch() {
    const { matches } = await this.ask(NEXT_MATCH)
    const match = matches.nodes.find(({ bestOdds }) => bestOdds.length) ?? matches.nodes[0]
    if (!match) {
      throw new Error('No match is played within the next 7 days.')
    }
    return { id: match.id, name: `${match.homeTeam.name} – ${match.awayTeam.name}` }
  }

  async bankroll() {
    if (!this.isSignedIn()) {
      throw new NeedsSignIn('This needs a bankroll, and so somebody who is signed in.')
    }
    const { viewer } = await this.ask('{ viewer { bankrolls(first: 1) { nodes { id name currencyCode } } } }')
    const [bankroll] = viewer.bankrolls.nodes
    if (!bankroll) {
      throw new Error('There is no bankroll yet; `createBankroll` makes one.')
    }
    this.notes.push(`Bankroll: ${bankroll.name}.`)
    return bankroll
  }

  async league() {
    const { leagues } = await this.ask('{ leagues(first: 20) { nodes { name slug currentSeason { id } } } }')
    const league = leagues.nodes.find(({ currentSeason }) => currentSeason) ?? leagues.nodes[0]
    if (!league) {
      throw new Error('There is no league yet.')
    }
    this.notes.push(`League: ${league.name}.`)
    return league
  }

  /** A small value of an input type; input objects have what they must have. */
  sample(type) {
    const bare = nullable(type)
    if (bare.kind === 'LIST') {
      return [this.sample(bare.ofType)]
    }
    const named = this.schema.type(nameOf(bare))
    if (named?.kind === 'ENUM') {
      return named.values.keys().next().value
    }
    if (named?.kind === 'INPUT_OBJECT') {
      const inputs = [...named.inputs.values()].filter(isRequired)
      return Object.fromEntries(inputs.map((input) => [input.name, this.sample(input.type)]))
    }
    const now = new Date().toISOString()
    const samples = {
      Int: 1,
      Float: 1,
      Boolean: true,
      Decimal: '1.00',
      DateTime: now,
      Date: now.slice(0, 10),
      JSON: {},
    }
    return samples[named?.name] ?? ''
  }
}

const NEXT_MATCH = `query NextMatch {
  matches(filter: {window: NEXT_7_DAYS, statuses: [SCHEDULED]}, first: 10) {
    nodes { id homeTeam { name } awayTeam { name } bestOdds(market: MATCH_RESULT) { id } }
  }
}`
const BEST_PRICE = `query BestPrice($id: ID!) {
  match(id: $id) { bestOdds(market: MATCH_RESULT) { id price { decimal } bookmaker { name } selection { name } } }
}`

const PLUGINS = `query Plugins {
  plugins(first: 20) { nodes { key models { champion { scorecard(market: MATCH_RESULT) { sampleSize } } } } }
}`

const match = (filler) => filler.match()
const matchOrMatches = async (filler, type) =>
  nullable(type).kind === 'LIST' ? [await filler.match()] : filler.match()
const HOUR = 3_600_000

/** The clock of the deployment an hour ago. */
async function anHourAgo(filler) {
  const { status } = await filler.ask('{ status { clock { now } } }')
  filler.notes.push('Time: an hour ago, by the clock of the matches.')
  return new Date(Date.parse(status.clock.now) - HOUR).toISOString()
}

async function placeBet(filler) {
  const bankroll = await filler.bankroll()
  const found = await filler.ask(BEST_PRICE, { id: await filler.match() })
  const [quote] = found.match.bestOdds
  if (!quote) {
    throw new Error('Nobody offers a price for this match now.')
  }
  filler.notes.push(`Price: ${quote.selection.name} at ${quote.price.decimal} with ${quote.bookmaker.name}.`)
  return {
    bankrollId: bankroll.id,
    legs: [{ quoteId: quote.id, decimalOdds: quote.price.decimal }],
    stake: { amount: '5.00', currencyCode: bankroll.currencyCode },
    maxSlippage: 0.05,
    idempotencyKey: crypto.randomUUID?.() ?? String(Date.now()),
  }
}

/** The place where the board of the match was; nothing without one. */
function cursor(filler) {
  const { cursor: seen, match: chosen } = filler.seen
  if (!seen || seen.match !== chosen?.id) {
    return undefined
  }
  filler.notes.push('Goes on where its board ended.')
  return seen.value
}

async function plugin(filler) {
  const { plugins } = await filler.ask(PLUGINS)
  const isGraded = ({ models }) => models.some(({ champion }) => champion?.scorecard)
  const found = plugins.nodes.find(isGraded) ?? plugins.nodes.find(({ models }) => models.length) ?? plugins.nodes[0]
  if (!found) {
    throw new Error('There is no plugin yet.')
  }
  filler.notes.push(`Plugin: ${found.key}.`)
  return found.key
}

function job(filler) {
  if (!filler.seen.job) {
    throw new Error('Run an operation that begins a job first, for example SimulateTable.')
  }
  return filler.seen.job
}

const MATCHES = ['Query.match(id:)', 'Query.comboPrice(matchId:)', 'Subscription.oddsChanged(matchIds:)']
/** Where a variable is used → what fills it in. */
const RECIPES = {
  ...Object.fromEntries(MATCHES.map((coordinate) => [coordinate, matchOrMatches])),
  'Query.node(id:)': match,
  'Query.nodes(ids:)': matchOrMatches,
  'Subscription.oddsChanged(after:)': cursor,
  'Subscription.jobProgressed(id:)': job,
  'Query.job(id:)': job,
  'Match.forecast(asOf:)': anHourAgo,
  'Match.bestOdds(asOf:)': anHourAgo,
  'Query.plugin(key:)': plugin,
  'LeagueLookup.slug': async (filler) => (await filler.league()).slug,
  'Mutation.requestTableForecast(input:)': async (filler) => ({ seasonId: (await filler.league()).currentSeason?.id }),
  'ValueBet.suggestedStake(bankrollId:)': async (filler) => (await filler.bankroll()).id,
  'Mutation.placeBet(input:)': placeBet,
}
