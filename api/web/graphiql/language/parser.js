/** An executable GraphQL document as a tree whose nodes know their places. */

import { stringValue, tokenize } from './lexer.js'

/** What is no GraphQL, and where. */
export class SyntaxProblem extends Error {
  constructor(message, start, end) {
    super(message)
    this.start = start
    this.end = end
  }
}

/** The definitions of a document; throws SyntaxProblem at the first mistake. */
export function parse(source) {
  return new Parser(source).document()
}

/** A reference to a type, for example of `[ID!]!`; null where it is none. */
export function parseType(source) {
  try {
    return new Parser(source).type()
  } catch (problem) {
    if (problem instanceof SyntaxProblem) {
      return null
    }
    throw problem
  }
}

/** A type as the schema writes it: `{ kind: "NON_NULL" | "LIST", ofType }`, or `{ name }`. */
const listOf = (ofType) => ({ kind: 'LIST', ofType })
const nonNull = (ofType) => ({ kind: 'NON_NULL', ofType })

class Parser {
  constructor(source) {
    const all = tokenize(source)
    this.tokens = all.filter((token) => token.kind !== 'comment')
    this.comments = all.filter((token) => token.kind === 'comment')
    this.ending = { kind: 'end', text: 'the end', start: source.length, end: source.length }
    this.position = 0
  }

  get token() {
    return this.tokens[this.position] ?? this.ending
  }

  get last() {
    return this.tokens[this.position - 1] ?? this.ending
  }

  next() {
    const token = this.token
    this.position += 1
    return token
  }

  peeks(text) {
    return this.token.kind === 'punctuation' && this.token.text === text
  }

  skips(text) {
    const found = this.peeks(text)
    this.position += found ? 1 : 0
    return found
  }

  expect(text) {
    return this.peeks(text) ? this.next() : this.fail(`\`${text}\``)
  }

  name(what = 'a name') {
    return this.token.kind === 'name' ? this.next() : this.fail(what)
  }

  fail(wanted) {
    const { kind, text, start, end } = this.token
    if (kind === 'invalid' && text.startsWith('"')) {
      throw new SyntaxProblem('This text is not closed, or has a bad escape.', start, end)
    }
    const found = kind === 'end' ? 'the document ends' : `there is \`${text.split('\n')[0]}\``
    throw new SyntaxProblem(`Expected ${wanted}, but ${found}.`, start, Math.max(end, start + 1))
  }

  node(kind, first, rest) {
    return { kind, start: first.start, ...rest, end: this.last.end }
  }

  some(open, parse, close, what) {
    this.expect(open)
    const found = []
    while (!this.peeks(close)) {
      found.push(parse.call(this))
    }
    if (!found.length) {
      this.fail(what)
    }
    this.expect(close)
    return found
  }

  document() {
    const definitions = []
    while (this.token.kind !== 'end') {
      definitions.push(this.definition())
    }
    return { definitions, comments: this.comments }
  }

  definition() {
    const first = this.token
    if (this.peeks('{')) {
      return this.node('operation', first, { operation: 'query', name: null, variables: [], ...this.body() })
    }
    if (first.kind !== 'name' || !['query', 'mutation', 'subscription', 'fragment'].includes(first.text)) {
      this.fail('`query`, `mutation`, `subscription`, `fragment` or `{`')
    }
    this.next()
    if (first.text === 'fragment') {
      const name = this.name('the name of the fragment')
      if (name.text === 'on') {
        throw new SyntaxProblem('A fragment needs a name before `on`.', name.start, name.end)
      }
      this.keyword('on')
      return this.node('fragment', first, { name, on: this.name('a type'), ...this.body() })
    }
    const name = this.token.kind === 'name' ? this.next() : null
    const variables = this.peeks('(') ? this.some('(', this.variable, ')', 'a variable') : []
    return this.node('operation', first, { operation: first.text, name, variables, ...this.body() })
  }

  keyword(text) {
    return this.token.kind === 'name' && this.token.text === text ? this.next() : this.fail(`\`${text}\``)
  }

  body() {
    return { directives: this.directives(), selections: this.selections() }
  }

  variable() {
    const first = this.expect('$')
    const name = this.name('the name of a variable')
    this.expect(':')
    const typeStart = this.token.start
    const type = this.type()
    const typeEnd = this.last.end
    const value = this.skips('=') ? this.value() : null
    return this.node('variable', first, { name, type, typeStart, typeEnd, value, directives: this.directives() })
  }

  type() {
    const inner = this.skips('[') ? this.listType() : { name: this.name('a type').text }
    return this.skips('!') ? nonNull(inner) : inner
  }

  listType() {
    const item = this.type()
    this.expect(']')
    return listOf(item)
  }

  selections() {
    return this.some('{', this.selection, '}', 'a field')
  }

  selection() {
    const first = this.token
    if (!this.skips('...')) {
      return this.field()
    }
    if (this.token.kind === 'name' && this.token.text !== 'on') {
      return this.node('spread', first, { name: this.next(), directives: this.directives() })
    }
    const on = this.token.kind === 'name' ? (this.next(), this.name('a type')) : null
    return this.node('inline', first, { on, ...this.body() })
  }

  field() {
    const first = this.name('a field')
    const alias = this.skips(':') ? first : null
    const name = alias ? this.name('the field behind the alias') : first
    const args = this.arguments()
    const directives = this.directives()
    const selections = this.peeks('{') ? this.selections() : null
    return this.node('field', first, { alias, name, arguments: args, directives, selections })
  }

  arguments() {
    return this.peeks('(') ? this.some('(', this.argument, ')', 'an argument') : []
  }

  argument() {
    const name = this.name('an argument')
    this.expect(':')
    return this.node('argument', name, { name, value: this.value() })
  }

  directives() {
    const found = []
    while (this.peeks('@')) {
      const first = this.next()
      found.push(this.node('directive', first, { name: this.name('a directive'), arguments: this.arguments() }))
    }
    return found
  }

  value() {
    const token = this.token
    if (this.skips('$')) {
      return this.node('variableValue', token, { name: this.name('the name of a variable') })
    }
    if (this.skips('[')) {
      const items = []
      while (!this.peeks(']')) {
        items.push(this.value())
      }
      this.next()
      return this.node('list', token, { items })
    }
    if (this.skips('{')) {
      const fields = []
      while (!this.peeks('}')) {
        fields.push(this.argument())
      }
      this.next()
      return this.node('object', token, { fields })
    }
    if (['name', 'int', 'float', 'string', 'block'].includes(token.kind)) {
      this.next()
      return this.node(...scalar(token))
    }
    return this.fail('a value')
  }
}

function scalar(token) {
  if (token.kind === 'name') {
    const words = { true: ['boolean', { value: true }], false: ['boolean', { value: false }], null: ['null', {}] }
    const [kind, rest] = words[token.text] ?? ['enum', { value: token.text }]
    return [kind, token, rest]
  }
  const isText = token.kind === 'string' || token.kind === 'block'
  return isText ? ['string', token, { value: stringValue(token) }] : [token.kind, token, { value: Number(token.text) }]
}

/** The operation of a document at an offset, else the first. */
export function operationAt(document, offset) {
  const operations = document.definitions.filter((definition) => definition.kind === 'operation')
  return operations.find(({ start, end }) => start <= offset && offset <= end) ?? operations[0] ?? null
}
