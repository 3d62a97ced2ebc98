/** The JSON of variables, held against what an operation declares. */

import { readObject, tokenizeJson } from './json.js'
import { isRequired, nameOf, nullable, printType } from './schema.js'
import { rank, suggestion } from './suggest.js'

/** What an operation declares, as the inputs of an object: name → `{ name, type, defaultValue }`. */
export function inputsOf(operation) {
  const inputs = (operation?.variables ?? []).map(({ name, type, value }) => ({
    name: name.text,
    type,
    defaultValue: value,
  }))
  return new Map(inputs.map((input) => [input.name, input]))
}

/** Marks on the text of variables. */
export function checkValues(text, inputs) {
  const { value, problem } = readObject(text)
  if (problem) {
    return [{ message: problem.message, start: problem.start, end: problem.end, severity: 'error' }]
  }
  const marks = []
  for (const token of keysAtRoot(tokenizeJson(text))) {
    const name = JSON.parse(token.text)
    if (!inputs.has(name)) {
      const message = `The operation declares no \`$${name}\`.${suggestion(name, [...inputs.keys()])}`
      marks.push({ message, start: token.start, end: token.end, severity: 'warning' })
    }
  }
  const missing = [...inputs.values()].filter((input) => isRequired(input) && value[input.name] == null)
  for (const { name, type } of missing) {
    const start = Math.max(0, text.indexOf('{'))
    marks.push({
      message: `\`$${name}: ${printType(type)}\` has no value.`,
      start,
      end: start + 1,
      severity: 'warning',
    })
  }
  return marks
}

function keysAtRoot(tokens) {
  let depth = 0
  return tokens.filter(({ kind, text }) => {
    depth += { '{': 1, '[': 1, '}': -1, ']': -1 }[text] ?? 0
    return kind === 'key' && depth === 1
  })
}

/** What may stand at an offset of the JSON: names of variables and input fields, words of enums. */
export function completeValues(text, offset, inputs, schema) {
  const tokens = tokenizeJson(text)
  const touched = tokens.find(({ start, end }) => start < offset && offset <= end)
  const isWord = touched && touched.kind !== 'punctuation'
  const before = tokens.filter(({ end }) => end <= (isWord ? touched.start : offset))
  const place = placeAfter(before, inputs, schema)
  if (!place || (isWord && touched.end === offset && /^".*"$/.test(touched.text) && touched.text.length > 1)) {
    return null
  }
  const next = tokens.find(({ start }) => start >= (isWord ? touched.end : offset))
  const typed = isWord ? text.slice(touched.start, offset).replaceAll('"', '') : ''
  const all = place.inputs ? names(place, next) : words(place.type, schema)
  const ranked = all.map((choice) => ({ choice, rank: rank(typed, choice.label) })).filter((each) => each.rank !== null)
  const choices = ranked.sort((one, other) => one.rank - other.rank).map(({ choice }) => choice)
  return choices.length ? { start: isWord ? touched.start : offset, end: isWord ? touched.end : offset, choices } : null
}

/** What is expected behind some tokens: a name of `inputs`, or a value of a `type`. */
function placeAfter(tokens, inputs, schema) {
  const stack = [{ type: null }]
  for (const { kind, text } of tokens) {
    const top = stack.at(-1)
    if (text === '{') {
      const fields = stack.length === 1 ? inputs : (schema.type(top.type && nameOf(top.type))?.inputs ?? new Map())
      stack.push({ inputs: fields, given: new Set(), isObject: true })
    } else if (text === '[') {
      const bare = top.type && nullable(top.type)
      stack.push({ type: bare?.kind === 'LIST' ? bare.ofType : null })
    } else if (text === '}' || text === ']') {
      stack.pop()
    } else if (kind === 'key' && top.isObject) {
      const name = text.slice(1, -1)
      top.given.add(name)
      top.type = top.inputs.get(name)?.type ?? null
    } else if (text === ',' && top.isObject) {
      top.type = undefined
    }
  }
  const top = stack.at(-1)
  const last = tokens.at(-1)?.text
  if (!top || stack.length === 1) {
    return null
  }
  if (top.isObject && (last === '{' || last === ',')) {
    return { inputs: top.inputs, given: top.given }
  }
  const isValue = last === ':' || last === '[' || (last === ',' && !top.isObject)
  return isValue && top.type ? { type: top.type } : null
}

function names({ inputs, given }, next) {
  return [...inputs.values()]
    .filter(({ name }) => !given.has(name))
    .map(({ name, type, description }) => ({
      label: name,
      insert: next?.text === ':' ? `"${name}"` : `"${name}": `,
      detail: printType(type),
      description,
    }))
}

function words(type, schema) {
  const named = schema.type(nameOf(type))
  const empty = type.kind === 'NON_NULL' ? [] : [{ label: 'null' }]
  if (named?.kind === 'ENUM') {
    const values = [...named.values.values()].map(({ name, description }) => ({
      label: name,
      insert: `"${name}"`,
      description,
    }))
    return [...values, ...empty]
  }
  return named?.name === 'Boolean' ? [{ label: 'true' }, { label: 'false' }, ...empty] : []
}
