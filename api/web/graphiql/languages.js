/** The two languages of the editors, over a schema that may come later or never. */

import { complete, describe } from './language/complete.js'
import { readObject, tokenizeJson } from './language/json.js'
import { tokenize } from './language/lexer.js'
import { operationAt, parse, SyntaxProblem } from './language/parser.js'
import { validate } from './language/validate.js'
import { checkValues, completeValues, inputsOf } from './language/values.js'

/** Reads the document in the editor: its tree, its marks, and where each variable is used. */
export class Reading {
  constructor() {
    this.schema = null
    this.document = { definitions: [], comments: [] }
    this.uses = new Map()
    this.isSound = true
  }

  /** Read a source; answers its marks. What was read before stays known while the text is no GraphQL. */
  read(source) {
    if (!source.trim()) {
      this.document = { definitions: [], comments: [] }
      return []
    }
    try {
      this.document = parse(source)
    } catch (problem) {
      if (!(problem instanceof SyntaxProblem)) {
        throw problem
      }
      this.isSound = false
      return [{ message: problem.message, start: problem.start, end: problem.end, severity: 'error' }]
    }
    this.isSound = true
    if (!this.schema) {
      return []
    }
    const { marks, uses } = validate(this.document, this.schema)
    this.uses = uses
    return marks
  }

  get operations() {
    return this.document.definitions.filter(({ kind }) => kind === 'operation')
  }

  /** The operation of a name, else the one at an offset, else the first. */
  operation(name, offset = 0) {
    return this.operations.find((each) => each.name?.text === name) ?? operationAt(this.document, offset)
  }

  /** Where the variables of an operation are used: name → uses. */
  usesOf(operation) {
    return this.uses.get(operation) ?? new Map()
  }
}

/** GraphQL, as `reading` understands it. */
export function graphql(reading) {
  return {
    comment: '#',
    tokens: graphqlTokens,
    check: (text) => reading.read(text),
    complete: (text, offset) => (reading.schema ? complete(text, offset, reading.schema) : null),
    describe: (text, offset) => (reading.schema ? describe(text, offset, reading.schema) : null),
  }
}

/** Tokens, with names told apart by what they are for. */
function graphqlTokens(text) {
  const tokens = tokenize(text)
  const open = { '(': 0, '{': 0 }
  return tokens.map((token, index) => {
    const [before, last, next] = [tokens[index - 2]?.text, tokens[index - 1]?.text, tokens[index + 1]?.text]
    if (token.kind === 'name') {
      return { ...token, kind: nameKind(token.text, { before, last, next, open }) }
    }
    if (token.text in open) {
      open[token.text] += 1
    } else if (token.text === ')' || token.text === '}') {
      open[token.text === ')' ? '(' : '{'] -= 1
    }
    return token.text in SIGNS ? { ...token, kind: SIGNS[token.text] } : token
  })
}

const SIGNS = { $: 'variable', '@': 'directive' }
const KEYWORDS = ['query', 'mutation', 'subscription', 'fragment']

function nameKind(text, { before, last, next, open }) {
  if (last in SIGNS) {
    return SIGNS[last]
  }
  if (open['(']) {
    const isType = /^[A-Z]+[a-z]/.test(text) || ['ID', 'JSON'].includes(text)
    return next === ':' ? 'argument' : isType ? 'type' : 'enum'
  }
  const isOutside = open['{'] === 0
  if (last === 'on' && (isOutside || before === '...')) {
    return 'type'
  }
  if (text === 'on' && (isOutside || last === '...')) {
    return 'keyword'
  }
  if (isOutside) {
    return KEYWORDS.includes(text) && !KEYWORDS.includes(last) ? 'keyword' : 'definition'
  }
  return last === '...' ? 'definition' : 'name'
}

/** The JSON of the variables of the operation that `chosen` answers. */
export function variables(reading, chosen) {
  return {
    comment: '',
    tokens: tokenizeJson,
    check: (text) => (reading.schema ? checkValues(text, inputsOf(chosen())) : plainMarks(text)),
    complete: (text, offset) =>
      reading.schema ? completeValues(text, offset, inputsOf(chosen()), reading.schema) : null,
    describe: () => null,
  }
}

/** The JSON of headers. */
export const headers = {
  comment: '',
  tokens: tokenizeJson,
  check: plainMarks,
  complete: () => null,
  describe: () => null,
}

function plainMarks(text) {
  const { problem } = readObject(text)
  return problem ? [{ message: problem.message, start: problem.start, end: problem.end, severity: 'error' }] : []
}
