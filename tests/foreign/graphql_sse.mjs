// graphql-sse in distinct mode: one stream of events for each operation.

import assert from 'node:assert/strict'

import { createClient } from 'graphql-sse'

import { check, firstChange, followed, leagues, line, LIVE, MATCHES, noted, REFUSED, WRONG } from './checks.mjs'

const [url] = process.argv.slice(2)
const all = await leagues(url)

function once(client, payload) {
  return new Promise((resolve, reject) => {
    client.subscribe(payload, { next: resolve, error: reject, complete: () => {} })
  })
}

await check({
  async query() {
    const requests = []
    const client = createClient({ url, retryAttempts: 0, fetchFn: noted(requests) })
    const { data } = await once(client, { query: MATCHES, variables: { first: 3 } })
    assert.equal(data.matches.nodes.length, 3)
    return `${data.matches.totalCount} matches as ${requests[0].type}`
  },
  async 'invalid document'() {
    const client = createClient({ url, retryAttempts: 0 })
    const answer = await once(client, { query: WRONG }).catch(async ({ response }) => response.json())
    assert.equal(answer.errors[0].extensions.code, 'GRAPHQL_VALIDATION_FAILED')
    return answer.errors[0].extensions.code
  },
  async 'refused argument'() {
    const { data, errors } = await once(createClient({ url, retryAttempts: 0 }), { query: REFUSED })
    assert.equal(data, null)
    assert.deepEqual(errors[0].extensions, { code: 'BAD_USER_INPUT', argument: 'first' })
    return errors[0].extensions.code
  },
  async subscription() {
    const requests = []
    const client = createClient({ url, retryAttempts: 0, fetchFn: noted(requests) })
    const told = await firstChange((next, error) => (
      client.subscribe({ query: LIVE, variables: { leagues: all } }, { next, error, complete: () => {} })
    ))
    assert.match(requests[0].type, /^text\/event-stream/)
    return told
  },
  async resume() {
    const between = await line(url)
    const client = createClient({ url: between.url, retryAttempts: Infinity, retry: async () => {} })
    const variables = { leagues: all, after: null }
    const told = await followed((take, error) => (
      client.subscribe({ query: LIVE, variables }, {
        next(result) {
          variables.after = result.data?.oddsChanged.cursor
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
