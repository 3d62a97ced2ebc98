/** What introspection tells of a schema, ready to be looked up. */

/** The question; `deprecated` parts are asked for, the descriptions too. */
export const INTROSPECTION = `query Introspection {
  __schema {
    queryType { name } mutationType { name } subscriptionType { name }
    types {
      kind name description
      fields(includeDeprecated: true) {
        name description args { ...Input } type { ...Reference } isDeprecated deprecationReason
      }
      inputFields { ...Input }
      interfaces { name }
      enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
      possibleTypes { name }
    }
    directives { name description locations args { ...Input } }
  }
}
fragment Input on __InputValue { name description defaultValue type { ...Reference } }
fragment Reference on __Type {
  kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
}`

const META = {
  __typename: {
    name: '__typename',
    description: "Name of the object's type.",
    args: [],
    type: { kind: 'NON_NULL', ofType: { kind: 'SCALAR', name: 'String' } },
  },
}

/** Types, fields and arguments by their names. */
export class Schema {
  constructor({ __schema: told }) {
    this.types = new Map(told.types.map((type) => [type.name, new Type(type)]))
    this.directives = new Map(told.directives.map((directive) => [directive.name, withArguments(directive)]))
    this.roots = {
      query: this.type(told.queryType?.name),
      mutation: this.type(told.mutationType?.name),
      subscription: this.type(told.subscriptionType?.name),
    }
    this.addQuestions()
  }

  /** `__schema` and `__type`, which introspection leaves out of the root's fields. */
  addQuestions() {
    const named = (name) => ({ kind: 'NON_NULL', ofType: { kind: 'OBJECT', name } })
    const text = { kind: 'NON_NULL', ofType: { kind: 'SCALAR', name: 'String' } }
    const hidden = [
      { name: '__schema', description: 'The schema itself.', args: [], type: named('__Schema') },
      {
        name: '__type',
        description: 'A type of the schema.',
        args: [{ name: 'name', type: text, defaultValue: null }],
        type: { kind: 'OBJECT', name: '__Type' },
      },
    ]
    this.hidden = new Map(hidden.map((field) => [field.name, withArguments(field)]))
  }

  /** A type by name, or null. */
  type(name) {
    return this.types.get(name) ?? null
  }

  /** The type that a reference ends in, without its lists. */
  named(reference) {
    return reference ? this.type(nameOf(reference)) : null
  }

  /** A field of an object or interface, the hidden ones included; null when there is none. */
  field(type, name) {
    if (name in META) {
      return type?.isComposite ? withArguments(META[name]) : null
    }
    return type?.fields.get(name) ?? (type === this.roots.query ? (this.hidden.get(name) ?? null) : null)
  }

  /** The object types that a composite type can be. */
  objects(type) {
    return new Set(type.possible.length ? type.possible : [type.name])
  }

  /** Whether a fragment on one type can ever apply to another. */
  overlaps(one, other) {
    const others = this.objects(other)
    return [...this.objects(one)].some((name) => others.has(name))
  }
}

class Type {
  constructor(told) {
    this.kind = told.kind
    this.name = told.name
    this.description = told.description
    this.fields = new Map((told.fields ?? []).map((field) => [field.name, withArguments(field)]))
    this.inputs = new Map((told.inputFields ?? []).map((field) => [field.name, field]))
    this.values = new Map((told.enumValues ?? []).map((value) => [value.name, value]))
    this.interfaces = (told.interfaces ?? []).map(({ name }) => name)
    this.possible = (told.possibleTypes ?? []).map(({ name }) => name)
  }

  /** Whether fields can be selected of it. */
  get isComposite() {
    return ['OBJECT', 'INTERFACE', 'UNION'].includes(this.kind)
  }
}

function withArguments(owner) {
  return { ...owner, arguments: new Map(owner.args.map((argument) => [argument.name, argument])) }
}

/** The name that a reference to a type ends in. */
export function nameOf(reference) {
  return reference.ofType ? nameOf(reference.ofType) : reference.name
}

/** A reference as GraphQL writes it, for example `[ID!]!`. */
export function printType(reference) {
  if (reference.kind === 'NON_NULL') {
    return `${printType(reference.ofType)}!`
  }
  return reference.kind === 'LIST' ? `[${printType(reference.ofType)}]` : reference.name
}

/** Whether an argument or input field must be given. */
export function isRequired(input) {
  return input.type.kind === 'NON_NULL' && input.defaultValue == null
}

/** A reference without the `!` around it. */
export function nullable(reference) {
  return reference.kind === 'NON_NULL' ? reference.ofType : reference
}
