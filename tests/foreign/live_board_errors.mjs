// What the example's helper makes of refusals, and of an answer with gates. Runs beside the built example.

import assert from 'node:assert/strict'

import { ask, gateOf, isGated, Refused } from './dist/errors.js'
import { LeaguesDocument } from './dist/generated/graphql.js'
import { check } from './checks.mjs'

const [url] = process.argv.slice(2)
const wrong = 'query Wrong { matches(first: 0) { totalCount } }'

function refused(document, token) {
  return ask(url, document, {}, token).then(() => assert.fail('it was answered'), (problem) => {
    assert.ok(problem instanceof Refused, `${problem}`)
    return problem
  })
}

/** Seconds that `ask` would wait; it is not waited for. */
function waited(action) {
  return new Promise((resolve, reject) => {
    const real = globalThis.setTimeout
    globalThis.setTimeout = (then, milliseconds, ...rest) => {
      if (!new Error().stack.includes('/dist/errors.js')) return real(then, milliseconds, ...rest)
      globalThis.setTimeout = real
      return resolve(milliseconds / 1000)
    }
    action().catch(reject)
  })
}

await check({
  async 'bad argument'() {
    const problem = await refused(wrong)
    assert.ok(problem.has('BAD_USER_INPUT') && !problem.has('INTERNAL'))
    assert.equal(problem.wait, null)
    return problem.problems[0].extensions.argument
  },
  async 'invalid document'() {
    assert.ok((await refused('{ noSuchField }')).has('GRAPHQL_VALIDATION_FAILED'))
    return 'GRAPHQL_VALIDATION_FAILED'
  },
  async 'bad token'() {
    assert.ok((await refused(LeaguesDocument, 'nothing')).has('UNAUTHENTICATED'))
    return 'UNAUTHENTICATED'
  },
  async gates() {
    const gate = { path: ['matches', 'nodes', 'forecast'], requiredTier: 'PRO', upgradeUrl: '/plans' }
    const result = { data: { matches: { nodes: [{ forecast: null }] } }, extensions: { gatedFields: [gate] } }
    assert.ok(isGated(result, ['matches', 'nodes', 0, 'forecast']))
    assert.ok(isGated(result, ['matches', 'nodes', 0, 'forecast', 'result', 'home']))
    assert.ok(!isGated(result, ['matches', 'nodes', 0]))
    assert.ok(!isGated(result, ['matches', 'nodes', 0, 'valueBets']))
    assert.ok(!isGated({ data: result.data }, ['matches', 'nodes', 0, 'forecast']))
    assert.equal(gateOf(result, ['matches', 'nodes', 0, 'forecast']).requiredTier, 'PRO')
    return 'told from what is not known'
  },
  async 'too many'() {
    const wait = await waited(async () => {
      for (;;) await ask(url, LeaguesDocument, {}) // until the limit, and then it waits
    })
    assert.ok(wait > 0 && wait <= 60, `${wait}`)
    return 'waits as long as it is told, at most a minute'
  },
})
