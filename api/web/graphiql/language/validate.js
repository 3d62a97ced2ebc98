/** What a schema has to say about a document: marks at their places, and where each variable is used. */

import { suggestion } from './suggest.js'
import { isRequired, nameOf, nullable, printType } from './schema.js'
import { checkVariables } from './variables.js'

/**
 * @typedef {object} Mark
 * @property {string} message
 * @property {number} start
 * @property {number} end
 * @property {"error"|"warning"} severity
 */

/** Check a parsed document.
 * @returns {{ marks: Mark[], uses: Map<object, Map<string, object[]>> }} the uses of each variable by operation:
 *   `{ type, coordinate, hasDefault, start, end }`, where a coordinate is `Query.match(id:)` or `LoginInput.email` */
export function validate(document, schema) {
  const check = new Check(document, schema)
  return { marks: check.run(), uses: check.uses }
}

class Check {
  constructor(document, schema) {
    this.document = document
    this.schema = schema
    this.marks = []
    this.fragments = new Map()
    this.uses = new Map()
    this.found = new Map() // definition → { variables, spreads } that stand in it
  }

  run() {
    const { definitions } = this.document
    for (const fragment of definitions.filter(({ kind }) => kind === 'fragment')) {
      this.fragments.set(fragment.name.text, fragment)
    }
    this.names(definitions)
    definitions.forEach((definition) => this.definition(definition))
    const used = new Set()
    for (const operation of definitions.filter(({ kind }) => kind === 'operation')) {
      const uses = this.usesOf(operation, used)
      this.uses.set(operation, uses)
      this.marks.push(...checkVariables(operation, uses, this.schema))
      operation.variables.forEach(({ type, value }) => value && this.value(value, type, null, { variables: [] }))
    }
    for (const [name, fragment] of this.fragments) {
      if (!used.has(name)) {
        this.mark(fragment.name, `Fragment \`${name}\` is used by no operation.`, 'warning')
      }
    }
    return this.marks.sort((one, other) => one.start - other.start)
  }

  mark({ start, end }, message, severity = 'error') {
    this.marks.push({ message, start, end, severity })
  }

  names(definitions) {
    const seen = new Set()
    for (const { kind, name } of definitions) {
      const key = `${kind} ${name?.text}`
      if (name && seen.has(key)) {
        this.mark(name, `There is another ${kind} of the name \`${name.text}\`.`)
      }
      seen.add(key)
    }
    const operations = definitions.filter(({ kind }) => kind === 'operation')
    for (const operation of operations.filter(({ name }) => !name)) {
      if (operations.length > 1) {
        const place = { start: operation.start, end: operation.start + 1 }
        this.mark(place, 'Among several operations each needs a name.')
      }
    }
  }

  definition(definition) {
    const here = { variables: [], spreads: [] }
    this.found.set(definition, here)
    const type = definition.kind === 'fragment' ? this.condition(definition.on) : this.root(definition)
    this.directives(definition.directives, here)
    if (type) {
      this.selections(definition.selections, type, here)
    }
    if (definition.operation === 'subscription' && definition.selections.length > 1) {
      this.mark(definition.selections[1], 'A subscription has one field at its root.')
    }
  }

  root(operation) {
    const type = this.schema.roots[operation.operation]
    if (!type) {
      const place = { start: operation.start, end: operation.start + operation.operation.length }
      this.mark(place, `The schema has no ${operation.operation}.`)
    }
    return type
  }

  condition(name) {
    const type = this.schema.type(name.text)
    if (!type?.isComposite) {
      const known = [...this.schema.types.values()].filter((each) => each.isComposite).map((each) => each.name)
      this.mark(
        name,
        type ? `\`${name.text}\` has no fields.` : `No type \`${name.text}\`.${suggestion(name.text, known)}`,
      )
      return null
    }
    return type
  }

  selections(selections, type, here) {
    for (const selection of selections) {
      this.directives(selection.directives, here)
      if (selection.kind === 'field') {
        this.field(selection, type, here)
      } else if (selection.kind === 'spread') {
        this.spread(selection, type, here)
      } else {
        const inner = selection.on ? this.condition(selection.on) : type
        if (inner && !this.schema.overlaps(inner, type)) {
          this.mark(selection.on, `\`${type.name}\` is never \`${inner.name}\`.`)
        } else if (inner) {
          this.selections(selection.selections, inner, here)
        }
      }
    }
  }

  spread(spread, type, here) {
    const fragment = this.fragments.get(spread.name.text)
    here.spreads.push(spread.name.text)
    if (!fragment) {
      this.mark(
        spread,
        `No fragment \`${spread.name.text}\`.${suggestion(spread.name.text, [...this.fragments.keys()])}`,
      )
      return
    }
    const on = this.schema.type(fragment.on.text)
    if (on?.isComposite && !this.schema.overlaps(on, type)) {
      this.mark(spread, `\`${type.name}\` is never \`${on.name}\`, which this fragment is for.`)
    }
  }

  field(node, type, here) {
    const field = this.schema.field(type, node.name.text)
    if (!field) {
      const near = suggestion(node.name.text, [...type.fields.keys()])
      this.mark(node.name, `\`${type.name}\` has no field \`${node.name.text}\`.${near}`)
      return
    }
    if (field.isDeprecated) {
      this.mark(node.name, `\`${node.name.text}\` is deprecated: ${field.deprecationReason}`, 'warning')
    }
    this.arguments(node, field, `${type.name}.${field.name}`, here)
    const result = this.schema.named(field.type)
    if (!result?.isComposite && node.selections) {
      this.mark(node.name, `\`${field.name}\` is ${printType(field.type)}, which has no fields.`)
    } else if (result?.isComposite && !node.selections) {
      this.mark(node.name, `\`${field.name}\` is ${printType(field.type)}: choose fields of it, \`{ … }\`.`)
    } else if (result?.isComposite) {
      this.selections(node.selections, result, here)
    }
  }

  arguments(node, owner, coordinate, here) {
    const given = this.given(node.arguments, owner.arguments, `\`${node.name.text}\``)
    for (const [argument, input] of given) {
      this.value(argument.value, input.type, { coordinate: `${coordinate}(${input.name}:)`, input }, here)
    }
    this.missing(node.name, node.arguments, owner.arguments, 'argument')
  }

  directives(directives, here) {
    for (const node of directives) {
      const directive = this.schema.directives.get(node.name.text)
      if (directive) {
        this.arguments(node, directive, `@${directive.name}`, here)
      } else {
        this.mark(
          node,
          `No directive \`@${node.name.text}\`.${suggestion(node.name.text, [...this.schema.directives.keys()])}`,
        )
      }
    }
  }

  /** The nodes that are known, each with what it gives; the others are marked. */
  given(nodes, inputs, owner) {
    const known = []
    const seen = new Set()
    for (const node of nodes) {
      const name = node.name.text
      if (!inputs.has(name)) {
        this.mark(node.name, `${owner} takes no \`${name}\`.${suggestion(name, [...inputs.keys()])}`)
      } else if (seen.has(name)) {
        this.mark(node.name, `\`${name}\` is given twice.`)
      } else {
        known.push([node, inputs.get(name)])
      }
      seen.add(name)
    }
    return known
  }

  missing(place, nodes, inputs, what) {
    const names = new Set(nodes.map(({ name }) => name.text))
    for (const input of inputs.values()) {
      if (isRequired(input) && !names.has(input.name)) {
        this.mark(place, `The ${what} \`${input.name}: ${printType(input.type)}\` is missing.`)
      }
    }
  }

  value(node, type, use, here) {
    if (node.kind === 'variableValue') {
      const hasDefault = use?.input.defaultValue != null
      here.variables.push({ name: node.name.text, type, coordinate: use?.coordinate, hasDefault, ...placeOf(node) })
    } else if (node.kind === 'null') {
      if (type.kind === 'NON_NULL') {
        this.mark(node, `\`${printType(type)}\` cannot be null.`)
      }
    } else if (nullable(type).kind === 'LIST') {
      const item = nullable(type).ofType
      const items = node.kind === 'list' ? node.items : [node]
      items.forEach((each) => this.value(each, item, use, here))
    } else {
      this.single(node, this.schema.type(nameOf(type)), here)
    }
  }

  single(node, type, here) {
    if (type?.kind === 'INPUT_OBJECT' && node.kind === 'object') {
      for (const [field, input] of this.given(node.fields, type.inputs, `\`${type.name}\``)) {
        this.value(field.value, input.type, { coordinate: `${type.name}.${input.name}`, input }, here)
      }
      this.missing({ start: node.start, end: node.start + 1 }, node.fields, type.inputs, 'field')
    } else if (type?.kind === 'ENUM' && node.kind === 'enum') {
      if (!type.values.has(node.value)) {
        this.mark(
          node,
          `\`${type.name}\` has no value \`${node.value}\`.${suggestion(node.value, [...type.values.keys()])}`,
        )
      }
    } else if (type && !accepts(type, node)) {
      this.mark(node, `This should be ${EXPECTED[type.name] ?? EXPECTED[type.kind] ?? `a ${type.name}`}.`)
    }
  }

  /** Every use of a variable in an operation and the fragments that it reaches, which are added to `reached`. */
  usesOf(operation, reached) {
    const uses = new Map()
    const waiting = [operation]
    const seen = new Set()
    for (let definition = waiting.pop(); definition; definition = waiting.pop()) {
      const here = this.found.get(definition)
      for (const { name, ...use } of here.variables) {
        uses.set(name, [...(uses.get(name) ?? []), use])
      }
      for (const name of here.spreads.filter((each) => !seen.has(each) && this.fragments.has(each))) {
        seen.add(name)
        reached.add(name)
        waiting.push(this.fragments.get(name))
      }
    }
    return uses
  }
}

const EXPECTED = {
  Int: 'a whole number',
  Float: 'a number',
  String: 'text in "quotes"',
  Boolean: 'true or false',
  ID: 'an id in "quotes"',
  ENUM: "one of the enum's words, without quotes",
  INPUT_OBJECT: 'an object, `{ … }`',
}
const ACCEPTED = {
  Int: ['int'],
  Float: ['int', 'float'],
  String: ['string'],
  Boolean: ['boolean'],
  ID: ['string', 'int'],
}

function accepts(type, node) {
  return type.kind === 'SCALAR' && (ACCEPTED[type.name]?.includes(node.kind) ?? true)
}

function placeOf({ start, end }) {
  return { start, end }
}
