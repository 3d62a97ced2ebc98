// What GraphiQL makes of GraphQL, held against graphql-js: arguments are the folder of its modules, the schema, and the
// saved operations.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  buildSchema,
  GraphQLError,
  introspectionFromSchema,
  Lexer,
  NoUnusedFragmentsRule,
  parse,
  print,
  separateOperations,
  Source,
  specifiedRules,
  TokenKind,
  validate,
} from 'graphql'
import { check } from './checks.mjs'

const [folder, sdl, operations] = process.argv.slice(2)
const ours = async (file) => import(pathToFileURL(join(folder, file)))
const { tokenize } = await ours('language/lexer.js')
const parser = await ours('language/parser.js')
const { Schema, INTROSPECTION } = await ours('language/schema.js')
const validator = await ours('language/validate.js')
const { complete, describe } = await ours('language/complete.js')
const { prettify } = await ours('language/format.js')
const { readObject } = await ours('language/json.js')
const { completeValues, checkValues, inputsOf } = await ours('language/values.js')
const keys = await ours('keys.js')
const { savedOperations } = await ours('examples.js')

const saved = readFileSync(operations, 'utf8')
const theirs = buildSchema(readFileSync(sdl, 'utf8'))
const schema = new Schema(introspectionFromSchema(theirs))
const rules = specifiedRules.filter((rule) => rule !== NoUnusedFragmentsRule) // a warning of ours, no error
const documents = Object.values(separateOperations(parse(saved))).map(print)

// One mistake each, most of them made once while somebody types.
const WRONG = [
  '{ matchs { totalCount } }',
  '{ matches }',
  '{ status { level { x } } }',
  '{ match { id } }',
  '{ match(id: null) { id } }',
  '{ match(id: 1.5) { id } }',
  '{ match(id: "1", id: "2") { id } }',
  '{ match(ids: "1") { id } }',
  '{ match(id: $id) { id } }',
  'query ($id: ID!) { status { level } }',
  'query ($id: Int!) { match(id: $id) { id } }',
  'query ($id: ID) { match(id: $id) { id } }',
  'query ($id: [ID!]!) { match(id: $id) { id } }',
  'query ($id: Match) { match(id: $id) { id } }',
  'query ($id: Nothing!) { match(id: $id) { id } }',
  'query ($id: ID!, $id: ID!) { match(id: $id) { id } }',
  'query ($first: Int = "x") { matches(first: $first) { totalCount } }',
  '{ matches(first: "3") { totalCount } }',
  '{ matches(first: 1.5) { totalCount } }',
  '{ matches(filter: {window: NEXT_3_HOURS}) { totalCount } }',
  '{ matches(filter: {window: "TODAY"}) { totalCount } }',
  '{ matches(filter: {windows: TODAY}) { totalCount } }',
  '{ matches(filter: 1) { totalCount } }',
  '{ matches(filter: {isLive: 1}) { totalCount } }',
  '{ matches(filter: {statuses: [SCHEDULED, NEVER]}) { totalCount } }',
  '{ node(id: "1") { ... on Price { decimal } } }',
  '{ node(id: "1") { ... on Nothing { id } } }',
  '{ node(id: "1") { ... on MatchFilter { id } } }',
  '{ node(id: "1") { ...Gone } }',
  '{ status { ...F } } fragment F on Match { id }',
  '{ status { level @skip } }',
  '{ status { level @gone } }',
  '{ status { level @skip(if: "no") } }',
  'query A { status { level } } query A { status { level } }',
  'query A { status { level } } { status { level } }',
  'subscription { jobProgressed(id: "1") { id } betSettled { cursor } }',
  'mutation { placeBet(input: {}) { bet { id } } }',
  'mutation { placeBet(input: {bankrollId: "1", legs: [{}], stake: {amount: "1", currencyCode: "EUR"}}) { bet { id } } }',
]
// No GraphQL at all.
const UNREADABLE = [
  '{',
  '{ }',
  '{ a',
  '{ a( }',
  '{ a(b: ) }',
  '{ a: }',
  'query {',
  'query ($) { a }',
  'query ($a) { a }',
  '{ a } }',
  'fragment on on A { b }',
  'fragment F { a }',
  '{ ...on }',
  '{ "a" }',
  '{ a(b: "c) }',
  '{ a(b: 01) }',
  '{ a(b: 1.) }',
  '{ a(b: "\\x") }',
  '{ a @ }',
  '{ a(b: [1, }',
  '? { a }',
  '{ a(b: $) }',
  '{ a() }',
  'query () { a }',
]

const problem = (source) => {
  try {
    parser.parse(source)
  } catch (error) {
    return error
  }
  return null
}
const errors = (source) =>
  validator.validate(parser.parse(source), schema).marks.filter(({ severity }) => severity === 'error')
const offered = (source) =>
  complete(source.replace('^', ''), source.indexOf('^'), schema)?.choices.map(({ label }) => label) ?? []
const put = (source, label) => {
  const { start, end, choices } = complete(source.replace('^', ''), source.indexOf('^'), schema)
  const text = source.replace('^', '')
  return text.slice(0, start) + choices.find((choice) => choice.label === label).insert + text.slice(end)
}

await check({
  async 'introspection is a question that the schema answers'() {
    assert.deepEqual(validate(theirs, parse(INTROSPECTION)), [])
    return schema.types.size
  },
  async 'tokens are those of graphql-js'() {
    const sources = [saved, '"""a\\"""b\n  c""" "\\u00e9\\n" -1.5e3 -0 ... @a $b', ...documents]
    for (const source of sources) {
      const lexer = new Lexer(new Source(source))
      const expected = []
      for (let token = lexer.advance(); token.kind !== TokenKind.EOF; token = lexer.advance())
        expected.push([token.start, token.end])
      assert.deepEqual(
        tokenize(source)
          .filter(({ kind }) => kind !== 'comment')
          .map(({ start, end }) => [start, end]),
        expected,
      )
    }
    return sources.length
  },
  async 'what cannot be read is marked where graphql-js stumbles'() {
    for (const source of UNREADABLE) {
      const found = problem(source)
      assert.ok(found instanceof parser.SyntaxProblem, source)
      assert.throws(() => parse(source), GraphQLError, source)
      assert.ok(found.start <= source.length && found.end > found.start, source)
    }
    assert.deepEqual(
      documents.map(problem),
      documents.map(() => null),
    )
    return UNREADABLE.length
  },
  async 'every cut of a saved operation is judged without a crash'() {
    for (const source of documents) {
      for (let length = 0; length < source.length; length += 7) {
        const cut = source.slice(0, length)
        const found = problem(cut)
        assert.ok(found === null || found instanceof parser.SyntaxProblem, cut)
        complete(cut, length, schema)
        describe(cut, length, schema)
      }
    }
    return documents.length
  },
  async 'saved operations have no marks'() {
    for (const source of [saved, ...documents])
      assert.deepEqual(validator.validate(parser.parse(source), schema).marks, [])
    return documents.length
  },
  async 'mistakes are those that graphql-js finds'() {
    for (const source of WRONG) {
      assert.ok(validate(theirs, parse(source), rules).length > 0, `right after all: ${source}`)
      assert.ok(errors(source).length > 0, `no mark: ${source}`)
    }
    return WRONG.length
  },
  async 'a mistake is marked in its place, with what may have been meant'() {
    const [mark] = errors('{\n  matchs { totalCount }\n}')
    assert.deepEqual([mark.start, mark.end], [4, 10])
    assert.match(mark.message, /Did you mean `matches`/)
    const [value] = errors('{ matches(filter: {window: TODAI}) { totalCount } }')
    assert.match(value.message, /Did you mean `TODAY`/)
    return mark.message
  },
  async 'fields, arguments, values, variables and types are offered where they fit'() {
    assert.deepEqual(offered('{ matc^ }').slice(0, 2), ['matches', 'match'])
    assert.ok(offered('{ matches(^) }').includes('filter'))
    assert.ok(!offered('{ matches(first: 1, ^) }').includes('first'))
    assert.ok(offered('{ matches(filter: {window: ^}) }').includes('NEXT_24_HOURS'))
    assert.ok(offered('{ matches(filter: {^').includes('window'))
    assert.deepEqual(offered('query ($id: ID!, $n: Int) { match(id: ^) { id } }'), ['$id'])
    assert.ok(offered('query ($f: ^').includes('MatchFilter'))
    assert.ok(!offered('query ($f: ^').includes('Match'))
    assert.deepEqual(offered('{ node(id: "1") { ...T^ } } fragment TB on Team { id }').slice(0, 1), ['TB'])
    assert.ok(offered('{ node(id: "1") { ... on ^ } }').includes('Match'))
    assert.ok(offered('{ status { level @^ } }').includes('include'))
    assert.deepEqual(offered('{ status # ma^'), [])
    assert.deepEqual(offered('{ match(id: "ma^") }'), [])
    assert.deepEqual(put('{ mat^ }', 'match'), '{ match(id: |) {\n  \n} }')
    assert.deepEqual(put('{ matches(fil^: {}) }', 'filter'), '{ matches(filter: {}) }')
    return offered('{ ^ }').length
  },
  async 'what is under the mouse is described'() {
    const source = '{ matches(filter: {window: TODAY}) { totalCount } }'
    const at = (word) => describe(source, source.indexOf(word) + 1, schema)
    assert.equal(at('matches').title, 'Query.matches')
    assert.equal(at('filter').detail, 'MatchFilter')
    assert.equal(at('window').detail, 'TimeWindow')
    assert.match(at('TODAY').description, /today/)
    assert.equal(at('totalCount').title, 'MatchConnection.totalCount')
    return at('totalCount').detail
  },
  async 'prettify keeps the meaning and the comments, and is done after once'() {
    const sources = [
      saved,
      ...documents,
      'query($a:Int=3 #c1\n){ # c2\n # lead\n a(x:"""b\nc""") b #t\n\n c{d e}#x\n # tail\n} #end\n# last',
    ]
    for (const source of sources) {
      const pretty = prettify(source)
      assert.equal(print(parse(pretty)), print(parse(source)))
      assert.equal(prettify(pretty), pretty)
      const comments = (text) =>
        tokenize(text)
          .filter(({ kind }) => kind === 'comment')
          .map(({ text: each }) => each.trim())
      assert.equal(comments(pretty).join(' '), comments(source).join(' '))
    }
    assert.equal(prettify(saved), saved, 'the saved operations are as Prettify leaves them')
    return sources.length
  },
  async 'variables are read, marked and completed'() {
    const [operation] = parser.parse(
      'query ($id: ID!, $filter: MatchFilter) { match(id: $id) { id } matches(filter: $filter) { totalCount } }',
    ).definitions
    const inputs = inputsOf(operation)
    const named = (text) =>
      completeValues(text.replace('^', ''), text.indexOf('^'), inputs, schema)?.choices.map(({ label }) => label) ?? []
    assert.deepEqual(named('{^}'), ['id', 'filter'])
    assert.deepEqual(named('{"id": "1", ^}'), ['filter'])
    assert.ok(named('{"filter": {"window": ^}}').includes('TODAY'))
    assert.deepEqual(checkValues('{"id": "1"}', inputs), [])
    assert.match(checkValues('{}', inputs)[0].message, /`\$id: ID!` has no value/)
    assert.match(checkValues('{"id": "1", "ids": 1}', inputs)[0].message, /declares no `\$ids`/)
    for (const text of ['{', '{"a" 1}', '{"a": 1,}', '[1]', '{a: 1}', '{"a": 1} 2', '{"a": tru}']) {
      const { start, end } = readObject(text).problem
      assert.ok(start <= text.length && end > start, text)
    }
    return inputs.size
  },
  async 'brackets come in pairs and lines are indented'() {
    const typed = (text, letter) => {
      const at = text.indexOf('^')
      const plain = text.replace('^', '')
      const edit =
        { '\n': keys.afterEnter(plain, at, at), '\b': keys.afterBackspace(plain, at) }[letter] ??
        keys.afterTyping(plain, at, at, letter)
      if (!edit) return null
      const done = plain.slice(0, edit.start) + edit.text + plain.slice(edit.end)
      return `${done.slice(0, edit.caret)}^${done.slice(edit.caret)}`
    }
    assert.equal(typed('query ^', '{'), 'query {^}')
    assert.equal(typed('{ a(^) }', ')'), '{ a()^ }')
    assert.equal(typed('{ a^b }', '('), null)
    assert.equal(typed('{^}', '\n'), '{\n  ^\n}')
    assert.equal(typed('{\n  a^\n}', '\n'), '{\n  a\n  ^\n}')
    assert.equal(typed('{ a(^) }', '\b'), '{ a^ }')
    assert.equal(typed('{\n    ^', '}'), '{\n  }^')
    return typed('a: ^', '"')
  },
  async 'saved operations are told apart, each with its fragments'() {
    const found = savedOperations(saved)
    const parts = (source) => parse(source).definitions.map(print).sort().join()
    assert.deepEqual(
      found.map(({ source }) => parts(source)),
      documents.map(parts),
    )
    assert.ok(found.every(({ title }) => title))
    return found.length
  },
})
