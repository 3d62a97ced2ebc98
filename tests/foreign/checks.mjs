// What the clients share: checks that are told one by one, and a line that can be cut.

import { connect, createServer } from 'node:net'

const LONGEST = 60_000 // milliseconds that one check may take
const later = setTimeout // a check may put another in its place

/** Make every check, also after one has failed, and print what each told or why it failed. */
export async function check(checks) {
  const found = {}
  for (const [name, holds] of Object.entries(checks)) {
    try {
      found[name] = { told: String(await within(holds())) }
    } catch (error) {
      found[name] = { failed: described(error) }
    }
  }
  console.log(JSON.stringify(found))
  process.exit(0)
}

/** What a promise gives, or an error once it takes too long. */
export function within(promise, milliseconds = LONGEST) {
  const late = new Promise((_, reject) => {
    later(() => reject(new Error(`nothing after ${milliseconds} ms`)), milliseconds).unref()
  })
  return Promise.race([promise, late])
}

function described(error) {
  if (Array.isArray(error)) return JSON.stringify(error)
  const shown = error instanceof Error ? error.stack : JSON.stringify(error)
  return error?.cause ? `${shown}\n${described(error.cause)}` : shown
}

/** A line to a server that `cut()` breaks without a goodbye, and that can be used again at once. */
export async function line(url) {
  const target = new URL(url)
  const ends = new Set()
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    for (const [end, other] of [[near, far], [far, near]]) {
      ends.add(end)
      end.on('error', () => {})
      end.on('close', () => {
        ends.delete(end)
        other.destroy()
      })
      end.pipe(other)
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const near = new URL(url)
  near.port = server.address().port
  return {
    url: near.href,
    cut() {
      const many = ends.size
      for (const end of ends) end.resetAndDestroy()
      return many
    },
    close() {
      server.close()
      this.cut()
    },
  }
}

/** A fetch that notes what was asked: method, address, content type and status of each request. */
export function noted(requests) {
  return async (address, options = {}) => {
    const answer = await fetch(address, options)
    requests.push({
      method: options.method ?? 'GET',
      address: String(address),
      status: answer.status,
      type: answer.headers.get('content-type'),
    })
    return answer
  }
}

export const MATCHES = `
  query Matches($first: Int!) {
    matches(filter: {window: NEXT_7_DAYS}, first: $first) {
      totalCount
      nodes { __typename id kickoffAt homeTeam { __typename id name } awayTeam { __typename id name } }
    }
  }`

export const WRONG = 'query Wrong { matches(first: 1) { noSuchField } }'

export const REFUSED = 'query Refused { matches(first: 0) { totalCount } status { level } }'

export const LIVE = `
  subscription Live($leagues: [ID!]!, $after: String) {
    oddsChanged(leagueIds: $leagues, after: $after, hasSnapshot: false) {
      kind cursor
      changes { sequence quote { id price { decimal } bookmaker { id name } selection { id } } }
    }
  }`

/** Ids of all leagues. */
export async function leagues(url) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ leagues(first: 100) { nodes { id } } }' }),
  })
  const { data } = await answer.json()
  return data.leagues.nodes.map((league) => league.id)
}

/** The changes of the first update that has some; `take` is handed the updates of a subscription. */
export function firstChange(subscribe) {
  return new Promise((resolve, reject) => {
    const stop = subscribe(({ data, errors, error }) => {
      if (errors || error) return reject(errors ?? error)
      if (data?.oddsChanged.kind !== 'DELTA') return
      const [first] = data.oddsChanged.changes
      resolve(`change ${first.sequence} to ${first.quote.price.decimal}`)
      setImmediate(() => stop())
    }, reject)
  })
}

/** Follow the changes over a line that is cut so many times: every one comes, once and in order. */
export function followed(subscribe, line, { cuts = 3, between = 40 } = {}) {
  return new Promise((resolve, reject) => {
    const sequences = []
    let made = 0
    let due = between
    const stop = subscribe(({ data, errors }) => {
      if (errors) return reject(errors)
      const update = data.oddsChanged
      if (update.kind === 'GAP') return reject(new Error('a gap'))
      for (const { sequence } of update.changes) sequences.push(Number(sequence))
      if (sequences.length < due) return undefined
      due = sequences.length + between
      if (made < cuts) {
        made += line.cut() > 0
        return undefined
      }
      const wrong = sequences.findIndex((sequence, place) => place && sequence !== sequences[place - 1] + 1)
      if (wrong > 0) return reject(new Error(`${sequences[wrong]} came after ${sequences[wrong - 1]}`))
      resolve(`${sequences.length} changes in order over ${made} cuts`)
      return setImmediate(() => stop())
    }, reject)
  })
}
