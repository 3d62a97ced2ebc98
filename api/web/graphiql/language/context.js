/** Where in a document a place is, also in one that is only half written: found by walking the tokens before it. */

import { parseType } from './parser.js'
import { nameOf, nullable } from './schema.js'

const HANDLERS = {
  top: 'inTop',
  selection: 'inSelection',
  inputs: 'inInputs',
  list: 'inList',
  variables: 'inVariables',
}
/** What each bracket closes. */
const CLOSED = { ')': ['inputs', 'variables'], '}': ['selection', 'inputs'], ']': ['list'] }

/**
 * Walks tokens with a stack of frames. A frame is the innermost bracket that is still open:
 * - `top`: `{ type, state }` of the definition that has begun, state "", "named", "fragment" or "on"
 * - `selection`: `{ type, field, inner, state }`, state "field", "spread" or "on"
 * - `inputs`, of arguments and input objects: `{ inputs, owner, given, name, isValue }`
 * - `list`: `{ type }` of its items
 * - `variables`: `{ name, typeText, isType, isValue }`
 */
export class Walk {
  constructor(schema) {
    this.schema = schema
    this.frames = [this.top()]
    this.variables = new Map() // name → { type, value } of the operation
    this.directive = undefined // null between `@` and its name
  }

  top() {
    return { kind: 'top', type: this.schema.roots.query, state: '' }
  }

  get frame() {
    return this.frames.at(-1)
  }

  /** The type of the value that is expected now, or null. */
  get expected() {
    const { frame } = this
    if (frame.kind === 'list') {
      return frame.type
    }
    if (frame.kind === 'inputs' && frame.isValue) {
      return frame.inputs.get(frame.name)?.type ?? null
    }
    return frame.kind === 'variables' && frame.isValue ? (this.variables.get(frame.name)?.type ?? null) : null
  }

  take(token) {
    if (this.takeDirective(token)) {
      return
    }
    const isTypeBracket = token.text === ']' && this.frame.isType
    if (token.text in CLOSED && !isTypeBracket) {
      this.close(token.text)
    } else {
      this[HANDLERS[this.frame.kind]](token, this.frame)
    }
  }

  /** Whether a token belongs to a directive. */
  takeDirective({ kind, text }) {
    if (text === '@') {
      this.directive = null
      return true
    }
    const { directive } = this
    if (directive === undefined) {
      return false
    }
    this.directive = undefined
    if (directive === null && kind === 'name') {
      this.directive = this.schema.directives.get(text)
      return true
    }
    if (directive && text === '(') {
      this.pushInputs(directive.arguments, `@${directive.name}`)
      return true
    }
    return false
  }

  close(text) {
    const index = this.frames.findLastIndex(({ kind }) => CLOSED[text].includes(kind))
    if (index > 0) {
      this.frames.length = index
      this.ended()
    }
  }

  /** The value, selection or argument list that the frame was waiting for has ended. */
  ended() {
    const { frame } = this
    if (frame.kind === 'inputs') {
      Object.assign(frame, { name: null, isValue: false })
    } else if (frame.kind === 'variables') {
      frame.isValue = false
    } else if (frame.kind === 'top' && frame.state === 'body') {
      this.frames[0] = this.top()
    }
  }

  inTop(token, frame) {
    const { kind, text } = token
    if (text === '{') {
      frame.state = 'body'
      this.pushSelection(frame.type)
    } else if (text === '(' && frame.state === 'named') {
      this.frames.push({ kind: 'variables', name: null, typeText: '', isType: false, isValue: false })
    } else if (kind === 'name' && frame.state === 'on') {
      Object.assign(frame, { type: this.schema.type(text), state: 'conditioned' })
    } else if (kind === 'name' && frame.state === 'fragment') {
      frame.state = text === 'on' ? 'on' : 'fragment'
    } else if (kind === 'name' && (text in this.schema.roots || text === 'fragment')) {
      Object.assign(frame, { type: this.schema.roots[text] ?? null, state: text === 'fragment' ? 'fragment' : 'named' })
      this.variables.clear()
    }
  }

  pushSelection(type) {
    this.frames.push({ kind: 'selection', type, field: null, inner: null, state: 'field' })
  }

  pushInputs(inputs, owner) {
    this.frames.push({ kind: 'inputs', inputs, owner, given: new Set(), name: null, isValue: false })
  }

  inSelection({ kind, text }, frame) {
    if (text === '...') {
      Object.assign(frame, { state: 'spread', field: null, inner: null })
    } else if (text === '(') {
      const owner = frame.field ? `${frame.type.name}.${frame.field.name}` : ''
      this.pushInputs(frame.field?.arguments ?? new Map(), owner)
    } else if (text === '{') {
      const plain = frame.state === 'spread' ? frame.type : this.schema.named(frame.field?.type)
      const type = frame.inner ?? plain
      Object.assign(frame, { state: 'field', field: null, inner: null })
      this.pushSelection(type)
    } else if (kind === 'name' && frame.state === 'spread') {
      frame.state = text === 'on' ? 'on' : 'field'
    } else if (kind === 'name' && frame.state === 'on') {
      Object.assign(frame, { state: 'field', inner: this.schema.type(text) })
    } else if (kind === 'name') {
      Object.assign(frame, { field: this.schema.field(frame.type, text), inner: null })
    }
  }

  inInputs(token, frame) {
    if (token.text === ':' && frame.name !== null) {
      frame.isValue = true
    } else if (frame.isValue) {
      this.value(token)
    } else if (token.kind === 'name') {
      frame.name = token.text
      frame.given.add(token.text)
    }
  }

  inList(token) {
    this.value(token)
  }

  inVariables(token, frame) {
    if (token.text === '$' && !frame.isValue) {
      Object.assign(frame, { name: null, isType: false, typeText: '' })
    } else if (frame.isValue) {
      this.value(token)
    } else if (frame.name === null && token.kind === 'name') {
      frame.name = token.text
    } else if (token.text === ':') {
      frame.isType = true
    } else if (token.text === '=') {
      Object.assign(frame, { isValue: true, isType: false })
      this.declare(frame, { kind: 'default' })
    } else if (frame.isType) {
      frame.typeText += token.text
    }
    if (frame.isType) {
      this.declare(frame, null)
    }
  }

  declare({ name, typeText }, value) {
    this.variables.set(name, { type: parseType(typeText) ?? { name: '' }, value })
  }

  value({ kind, text }) {
    const type = this.expected
    if (text === '[') {
      const bare = type && nullable(type)
      this.frames.push({ kind: 'list', type: bare?.kind === 'LIST' ? bare.ofType : null })
    } else if (text === '{') {
      const named = type && this.schema.type(nameOf(type))
      this.pushInputs(named?.inputs ?? new Map(), named?.name ?? '')
    } else if (kind !== 'punctuation') {
      this.ended()
    }
  }
}
