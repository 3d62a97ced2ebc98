/** The variables of an operation: what it declares, what it uses, and whether the two go together. */

import { suggestion } from './suggest.js'
import { nameOf, nullable, printType } from './schema.js'

const INPUTS = ['SCALAR', 'ENUM', 'INPUT_OBJECT']

/** Marks on the declarations and uses of one operation. */
export function checkVariables(operation, uses, schema) {
  const marks = []
  const mark = ({ start, end }, message, severity = 'error') => marks.push({ message, start, end, severity })
  const declared = new Map()
  for (const variable of operation.variables) {
    const name = variable.name.text
    const place = { start: variable.start, end: variable.name.end }
    if (declared.has(name)) {
      mark(place, `\`$${name}\` is declared twice.`)
    }
    declared.set(name, variable)
    const type = schema.type(nameOf(variable.type))
    if (!type || !INPUTS.includes(type.kind)) {
      const known = [...schema.types.values()].filter(({ kind }) => INPUTS.includes(kind)).map((each) => each.name)
      const near = type ? '' : suggestion(nameOf(variable.type), known)
      mark(
        { start: variable.typeStart, end: variable.typeEnd },
        `${type ? 'No input type' : 'No type'} \`${nameOf(variable.type)}\`.${near}`,
      )
    }
    if (!uses.has(name)) {
      mark(place, `\`$${name}\` is not used.`)
    }
  }
  for (const [name, places] of uses) {
    for (const use of places) {
      const variable = declared.get(name)
      if (!variable) {
        mark(use, `\`$${name}\` is not declared.${suggestion(name, [...declared.keys()])}`)
      } else if (!fits(variable, use)) {
        mark(use, `\`$${name}\` is ${printType(variable.type)}, wanted is ${printType(use.type)}.`)
      }
    }
  }
  return marks
}

/** Whether a variable may stand where a type is wanted: one with a default value need not be `!`. */
export function fits(variable, { type, hasDefault = false }) {
  const hasValue = hasDefault || (variable.value && variable.value.kind !== 'null')
  const isLoose = type.kind === 'NON_NULL' && variable.type.kind !== 'NON_NULL'
  return isLoose ? Boolean(hasValue) && isWithin(variable.type, type.ofType) : isWithin(variable.type, type)
}

function isWithin(given, wanted) {
  if (wanted.kind === 'NON_NULL') {
    return given.kind === 'NON_NULL' && isWithin(given.ofType, wanted.ofType)
  }
  const bare = nullable(given)
  if (wanted.kind === 'LIST' || bare.kind === 'LIST') {
    return wanted.kind === 'LIST' && bare.kind === 'LIST' && isWithin(bare.ofType, wanted.ofType)
  }
  return bare.name === wanted.name
}
