// Apollo Client: its cache, its persisted queries, and live updates over a WebSocket and over HTTP.

import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'

import { ApolloClient, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { check, firstChange, leagues, LIVE, MATCHES, noted, REFUSED, WRONG } from './checks.mjs'

const [url] = process.argv.slice(2)
const all = await leagues(url)

function open(requests, link = new HttpLink({ uri: url, fetch: noted(requests) })) {
  return new ApolloClient({ link, cache: new InMemoryCache() })
}

function persisted(requests) {
  const sha256 = (document) => createHash('sha256').update(document).digest('hex')
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries: true })
  return open(requests, link.concat(new HttpLink({ uri: url, fetch: noted(requests) })))
}

function changes(client) {
  return firstChange((next, error) => {
    const query = gql(LIVE)
    const subscription = client.subscribe({ query, variables: { leagues: all } }).subscribe({ next, error })
    return () => subscription.unsubscribe()
  })
}

await check({
  async query() {
    const requests = []
    const { data } = await open(requests).query({ query: gql(MATCHES), variables: { first: 3 } })
    assert.equal(data.matches.nodes.length, 3)
    assert.equal(requests[0].status, 200)
    return `${data.matches.totalCount} matches as ${requests[0].type}`
  },
  async 'normalised cache'() {
    const client = open([])
    const { data } = await client.query({ query: gql(MATCHES), variables: { first: 3 } })
    const held = Object.keys(client.cache.extract())
    for (const match of data.matches.nodes) {
      assert.ok(held.includes(`Match:${match.id}`))
      assert.ok(held.includes(`Team:${match.homeTeam.id}`))
    }
    return `${held.length} entries by type and id`
  },
  async 'cache hit'() {
    const requests = []
    const client = open(requests)
    const asked = { query: gql(MATCHES), variables: { first: 3 } }
    const first = await client.query(asked)
    const again = await client.query(asked)
    assert.deepEqual(again.data, first.data)
    const [match] = first.data.matches.nodes
    const read = client.readFragment({ id: `Match:${match.id}`, fragment: gql('fragment Start on Match { kickoffAt }') })
    assert.equal(read.kickoffAt, match.kickoffAt)
    assert.equal(requests.length, 1)
    return '1 request for 2 queries'
  },
  async 'invalid document'() {
    const problem = await open([]).query({ query: gql(WRONG) }).then(assert.fail, (error) => error)
    assert.ok(CombinedGraphQLErrors.is(problem), `${problem}`)
    assert.equal(problem.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED')
    return problem.errors[0].extensions.code
  },
  async 'refused argument'() {
    const { data, error } = await open([]).query({ query: gql(REFUSED), errorPolicy: 'all' })
    assert.ok(!data?.matches)
    assert.ok(CombinedGraphQLErrors.is(error), `${error}`)
    assert.deepEqual(error.errors[0].extensions, { code: 'BAD_USER_INPUT', argument: 'first' })
    return error.errors[0].extensions.code
  },
  async 'persisted query'() {
    const requests = []
    const query = gql(MATCHES.replace('query Matches', `query Matches${randomBytes(8).toString('hex')}`)) // never seen
    for (const client of [persisted(requests), persisted(requests)]) {
      const { data } = await client.query({ query, variables: { first: 2 } })
      assert.equal(data.matches.nodes.length, 2)
    }
    assert.deepEqual(requests.map(({ method }) => method), ['GET', 'POST', 'GET'])
    assert.deepEqual(requests.map(({ address }) => /[?&]query=/.test(address)), [false, false, false])
    assert.ok(requests[2].address.includes('sha256Hash'))
    return requests.map(({ method, status }) => `${method} ${status}`).join(', ')
  },
  async 'WebSocket link'() {
    const sockets = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket })
    return changes(open([], new GraphQLWsLink(sockets)))
  },
  async 'multipart subscription'() {
    const requests = []
    const told = await changes(open(requests))
    assert.match(requests[0].type, /^multipart\/mixed/)
    return told
  },
})
