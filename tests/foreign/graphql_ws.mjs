// graphql-ws: operations over one WebSocket, and a subscription that goes on after a cut.

import assert from 'node:assert/strict'

import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

import { check, firstChange, followed, leagues, line, LIVE, MATCHES, REFUSED, WRONG } from './checks.mjs'

const [url] = process.argv.slice(2)
const all = await leagues(url)

function open(address, options = {}) {
  return createClient({ url: address.replace('http', 'ws'), webSocketImpl: WebSocket, ...options })
}

function once(client, payload) {
  return new Promise((resolve, reject) => {
    client.subscribe(payload, { next: resolve, error: reject, complete: () => {} })
  })
}

await check({
  async query() {
    const client = open(url)
    const { data } = await once(client, { query: MATCHES, variables: { first: 3 } })
    assert.equal(data.matches.nodes.length, 3)
    return `${data.matches.totalCount} matches`
  },
  async 'invalid document'() {
    const errors = await once(open(url), { query: WRONG }).then(assert.fail, (problem) => problem)
    assert.equal(errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED')
    return errors[0].extensions.code
  },
  async 'refused argument'() {
    const { data, errors } = await once(open(url), { query: REFUSED })
    assert.equal(data, null)
    assert.deepEqual(errors[0].path, ['matches'])
    assert.deepEqual(errors[0].extensions, { code: 'BAD_USER_INPUT', argument: 'first' })
    return errors[0].extensions.code
  },
  async subscription() {
    const client = open(url)
    return firstChange((next, error) => (
      client.subscribe({ query: LIVE, variables: { leagues: all } }, { next, error, complete: () => {} })
    ))
  },
  async 'bad token'() {
    const client = open(url, { connectionParams: { authorization: 'Bearer nothing' }, retryAttempts: 0 })
    const closed = await once(client, { query: MATCHES, variables: { first: 1 } }).then(assert.fail, (event) => event)
    assert.equal(closed.code, 4403)
    return `closed with ${closed.code}`
  },
  async resume() {
    const between = await line(url)
    const client = open(between.url, { retryAttempts: Infinity, retryWait: async () => {}, shouldRetry: () => true })
    const variables = { leagues: all, after: null }
    const told = await followed((take, error) => (
      client.subscribe({ query: LIVE, variables }, {
        next(result) {
          variables.after = result.data?.oddsChanged.cursor // what the client sends when it connects again
          take(result)
        },
        error,
        complete: () => {},
      })
    ), between)
    between.close()
    return told
  },
})
