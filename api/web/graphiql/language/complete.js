/** What may stand at a place of a document: fields, arguments, values, variables, types, fragments. */

import { Walk } from './context.js'
import { tokenize } from './lexer.js'
import { isRequired, nameOf, nullable, printType } from './schema.js'
import { rank } from './suggest.js'
import { fits } from './variables.js'

/**
 * @typedef {object} Choice
 * @property {string} label
 * @property {string} [insert] what to put instead of the label; `|` in it is where the caret goes
 * @property {string} [detail] its type
 * @property {string} [description]
 * @property {boolean} [isDeprecated]
 * @property {boolean} [isRequired]
 */

/** The choices at an offset, best first, and the part of the source that one of them replaces; null for none.
 * @returns {{ start: number, end: number, choices: Choice[] } | null} */
export function complete(source, offset, schema) {
  const tokens = tokenize(source)
  const touched = tokens.find(({ start, end }) => start < offset && offset <= end)
  if (touched && !['name', 'punctuation'].includes(touched.kind)) {
    return null
  }
  const word = touched?.kind === 'name' ? touched : null
  const before = tokens.filter(({ kind, end }) => kind !== 'comment' && end <= (word?.start ?? offset))
  const walk = new Walk(schema)
  before.forEach((token) => walk.take(token))
  const after = tokens.find(({ kind, start }) => kind !== 'comment' && start >= (word?.end ?? offset))
  const place = { last: before.at(-1)?.text, next: after?.text, indent: indentAt(source, offset), tokens }
  const typed = word ? source.slice(word.start, offset) : ''
  const choices = sorted(choicesOf(walk, place), typed)
  return choices.length ? { start: word?.start ?? offset, end: word?.end ?? offset, choices } : null
}

/** What stands at an offset: its type and description, and the schema's part that the documentation shows. */
export function describe(source, offset, schema) {
  const tokens = tokenize(source).filter(({ kind }) => kind !== 'comment')
  const index = tokens.findIndex(({ kind, start, end }) => kind === 'name' && start <= offset && offset < end)
  if (index < 0) {
    return null
  }
  const walk = new Walk(schema)
  tokens.slice(0, index).forEach((token) => walk.take(token))
  const { frame, expected } = walk
  const { text, start, end } = tokens[index]
  const last = tokens[index - 1]?.text
  const told = (type, rest) => type && { start, end, type: type.name, ...rest }
  if (last === '$' || walk.directive === null) {
    return null
  }
  if (expected) {
    const type = schema.type(nameOf(expected))
    return told(type, { title: text, detail: printType(expected), ...pick(type?.values.get(text) ?? type) })
  }
  if (frame.kind === 'inputs' && frame.inputs.has(text)) {
    const input = frame.inputs.get(text)
    return { start, end, title: text, detail: printType(input.type), type: nameOf(input.type), ...pick(input) }
  }
  const field = frame.kind === 'selection' && frame.state === 'field' ? schema.field(frame.type, text) : null
  if (field) {
    return told(frame.type, {
      title: `${frame.type.name}.${text}`,
      field: text,
      detail: printType(field.type),
      ...pick(field),
    })
  }
  const type = schema.type(text)
  return told(type, { title: text, detail: type?.kind.toLowerCase().replace('_', ' '), ...pick(type) })
}

function pick(part) {
  return { description: part?.description ?? '', deprecationReason: part?.deprecationReason ?? null }
}

function sorted(choices, typed) {
  return choices
    .map((choice) => ({ choice, rank: rank(typed, choice.label.replace(/^\$/, '')) }))
    .filter((each) => each.rank !== null)
    .sort((one, other) => one.rank - other.rank || weight(one.choice) - weight(other.choice))
    .map(({ choice }) => choice)
}

/** Required first, what nearly every type has and what is deprecated last. */
function weight(choice) {
  return (
    Number(choice.label === '__typename') * 2 +
    Number(choice.isDeprecated ?? false) -
    Number(choice.isRequired ?? false)
  )
}

function choicesOf(walk, place) {
  const { schema, frame } = walk
  if (walk.directive === null) {
    return [...schema.directives.values()].filter(isExecutable).map((directive) => withInputs(directive, place))
  }
  if (walk.expected && place.last === '$') {
    return variables(walk).map((choice) => ({ ...choice, insert: choice.label.slice(1) }))
  }
  if (walk.expected) {
    return values(walk, schema.type(nameOf(walk.expected)), place)
  }
  if (frame.kind === 'inputs') {
    return frame.name === null ? inputs(frame, place) : []
  }
  if (frame.kind === 'variables') {
    return frame.isType && frame.typeText.replace('[', '') === '' ? types(schema, INPUT_KINDS) : []
  }
  return frame.kind === 'selection' ? selection(walk, place) : definition(frame, schema)
}

const INPUT_KINDS = ['SCALAR', 'ENUM', 'INPUT_OBJECT']
const OUTPUT_KINDS = ['OBJECT', 'INTERFACE', 'UNION']

function isExecutable({ locations }) {
  return ['FIELD', 'QUERY', 'FRAGMENT_SPREAD', 'INLINE_FRAGMENT'].some((location) => locations.includes(location))
}

function types(schema, kinds) {
  return [...schema.types.values()]
    .filter(({ kind, name }) => kinds.includes(kind) && !name.startsWith('__'))
    .map(({ name, description }) => ({ label: name, description }))
}

function definition(frame, schema) {
  if (frame.state === 'on') {
    return types(schema, OUTPUT_KINDS)
  }
  const words = Object.entries(schema.roots).filter(([, type]) => type)
  const operations = words.map(([label, type]) => ({ label, description: type.description }))
  return frame.state === ''
    ? [...operations, { label: 'fragment', description: 'Fields that several places ask for.' }]
    : []
}

function selection(walk, place) {
  const { schema, frame } = walk
  if (!frame.type?.isComposite) {
    return []
  }
  if (frame.state === 'on') {
    return types(schema, OUTPUT_KINDS).filter(({ label }) => schema.overlaps(schema.type(label), frame.type))
  }
  if (frame.state === 'spread') {
    return [{ label: 'on', description: 'Only of one type.' }, ...fragments(place.tokens, frame.type, schema)]
  }
  const fields = [...frame.type.fields.values(), schema.field(frame.type, '__typename')]
  return fields.map((field) => ({
    ...withInputs(field, place, schema.named(field.type)),
    detail: printType(field.type),
  }))
}

/** Fragments of the document that can apply to a type. */
function fragments(tokens, type, schema) {
  return tokens.flatMap(({ text }, index) => {
    const [name, on] = [tokens[index + 1], schema.type(tokens[index + 3]?.text)]
    const begins = text === 'fragment' && tokens[index + 2]?.text === 'on' && on?.isComposite
    return begins && schema.overlaps(on, type) ? [{ label: name.text, detail: on.name }] : []
  })
}

/** A field or directive; what it cannot do without comes with it: required arguments and a selection. */
function withInputs(owner, place, result = null) {
  const required = [...owner.arguments.values()].filter(isRequired).map(({ name }) => name)
  const { name: label, description, isDeprecated } = owner
  const opens = result?.isComposite && !['{', '('].includes(place.next)
  let insert = label
  if (required.length && place.next !== '(') {
    insert += `(${required.map((name, index) => `${name}: ${index ? '' : '|'}`).join(', ')})`
  }
  if (opens) {
    insert += ` {\n${place.indent}  ${insert.includes('|') ? '' : '|'}\n${place.indent}}`
  }
  return { label, insert, description, isDeprecated }
}

function inputs(frame, place) {
  return [...frame.inputs.values()]
    .filter(({ name }) => !frame.given.has(name) || place.last === name)
    .map((input) => ({
      label: input.name,
      insert: place.next === ':' ? input.name : `${input.name}: `,
      detail: printType(input.type) + (input.defaultValue == null ? '' : ` = ${input.defaultValue}`),
      description: input.description,
      isRequired: isRequired(input),
    }))
}

function variables(walk) {
  return [...walk.variables]
    .filter(
      ([, variable]) => fits(variable, { type: walk.expected }) || fits(variable, { type: nullable(walk.expected) }),
    )
    .map(([name, { type }]) => ({
      label: `$${name}`,
      detail: printType(type),
      description: 'Variable of this operation.',
    }))
}

function values(walk, type, place) {
  const isList = nullable(walk.expected).kind === 'LIST'
  const given = walk.frame.kind === 'variables' ? [] : variables(walk)
  if (type?.kind === 'ENUM') {
    const words = [...type.values.values()].map(({ name, description, isDeprecated }) => ({
      label: name,
      insert: isList ? `[${name}|]` : name,
      detail: type.name,
      description,
      isDeprecated,
    }))
    return [...words, ...given]
  }
  if (type?.name === 'Boolean') {
    return [{ label: 'true' }, { label: 'false' }, ...given]
  }
  const braces = isList ? '[{|}]' : '{|}'
  const opens = type?.kind === 'INPUT_OBJECT' && place.next !== '{'
  return opens
    ? [
        ...given,
        { label: isList ? '[{ … }]' : '{ … }', insert: braces, detail: type.name, description: type.description },
      ]
    : given
}

function indentAt(source, offset) {
  return source.slice(source.lastIndexOf('\n', offset - 1) + 1, offset).match(/^ */)[0]
}
