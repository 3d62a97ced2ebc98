// urql: POST, GET, persisted queries, live updates as server-sent events, and its hook in a rendered page.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Writable } from 'node:stream'

import { persistedExchange } from '@urql/exchange-persisted'
import { createElement, Suspense } from 'react'
import { renderToPipeableStream } from 'react-dom/server'
import { cacheExchange, createClient, fetchExchange, Provider, useQuery } from 'urql'

import { check, firstChange, leagues, LIVE, MATCHES, noted, REFUSED, WRONG } from './checks.mjs'

const [url] = process.argv.slice(2)
const all = await leagues(url)

function open(requests, options = {}) {
  return createClient({
    url,
    exchanges: [cacheExchange, fetchExchange],
    preferGetMethod: false,
    fetch: noted(requests),
    ...options,
  })
}

function persisted(requests) {
  const exchange = persistedExchange({ preferGetForPersistedQueries: true })
  return open(requests, { exchanges: [cacheExchange, exchange, fetchExchange] })
}

function Teams() {
  const [{ data, error }] = useQuery({ query: MATCHES, variables: { first: 3 } })
  if (error) throw error
  return data.matches.nodes.map(({ id, homeTeam }) => createElement('p', { key: id }, homeTeam.name))
}

function rendered(element) {
  return new Promise((resolve, reject) => {
    let page = ''
    const into = new Writable({
      write(chunk, _, done) {
        page += chunk
        done()
      },
    })
    into.on('finish', () => resolve(page))
    const stream = renderToPipeableStream(element, { onAllReady: () => stream.pipe(into), onError: reject })
  })
}

await check({
  async POST() {
    const requests = []
    const { data, error } = await open(requests).query(MATCHES, { first: 3 }).toPromise()
    assert.ifError(error)
    assert.equal(data.matches.nodes.length, 3)
    assert.equal(requests[0].method, 'POST')
    assert.doesNotMatch(requests[0].type, /event-stream|multipart/)
    return `${requests[0].status} ${requests[0].type}`
  },
  async GET() {
    const requests = []
    const { data, error } = await open(requests, { preferGetMethod: 'force' }).query(MATCHES, { first: 3 }).toPromise()
    assert.ifError(error)
    assert.equal(data.matches.nodes.length, 3)
    assert.equal(requests[0].method, 'GET')
    return `${requests[0].status} ${requests[0].type}`
  },
  async 'cache hit'() {
    const requests = []
    const client = open(requests)
    await client.query(MATCHES, { first: 3 }).toPromise()
    const { data } = await client.query(MATCHES, { first: 3 }).toPromise()
    assert.equal(data.matches.nodes.length, 3)
    assert.equal(requests.length, 1)
    return '1 request for 2 queries'
  },
  async 'invalid document'() {
    const { error } = await open([]).query(WRONG, {}).toPromise()
    assert.equal(error.graphQLErrors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED')
    return error.graphQLErrors[0].extensions.code
  },
  async 'refused argument'() {
    const { error } = await open([]).query(REFUSED, {}).toPromise()
    assert.deepEqual(error.graphQLErrors[0].extensions, { code: 'BAD_USER_INPUT', argument: 'first' })
    return error.graphQLErrors[0].extensions.code
  },
  async 'persisted query'() {
    const requests = []
    const query = MATCHES.replace('query Matches', `query Matches${randomBytes(8).toString('hex')}`) // never seen
    for (const client of [persisted(requests), persisted(requests)]) {
      const { data, error } = await client.query(query, { first: 2 }).toPromise()
      assert.ifError(error)
      assert.equal(data.matches.nodes.length, 2)
    }
    const withText = requests.map(({ method, address }) => method === 'POST' || /[?&]query=/.test(address))
    assert.deepEqual(withText, [false, true, false]) // missed, registered, found
    assert.equal(requests[2].method, 'GET')
    return requests.map(({ method, status }) => `${method} ${status}`).join(', ')
  },
  async 'SSE subscription'() {
    const requests = []
    const client = open(requests, { fetchSubscriptions: true })
    const told = await firstChange((next) => {
      const { unsubscribe } = client.subscription(LIVE, { leagues: all }).subscribe(next)
      return unsubscribe
    })
    assert.match(requests[0].type, /^text\/event-stream/)
    return told
  },
  async 'useQuery in a page'() {
    const client = open([], { suspense: true })
    const inner = createElement(Suspense, { fallback: 'waiting' }, createElement(Teams))
    const page = await rendered(createElement(Provider, { value: client }, inner))
    assert.equal(page.match(/<p>/g).length, 3, page)
    return '3 matches rendered by React'
  },
})
