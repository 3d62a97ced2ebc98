/** The documentation of the schema: its types, their fields and arguments, found by following or by searching. */

import { el, prose } from './dom.js'
import { isRequired, nameOf } from './language/schema.js'
import { rank } from './language/suggest.js'

const MOST_FOUND = 60
const KINDS = {
  OBJECT: 'type',
  INTERFACE: 'interface',
  UNION: 'union',
  ENUM: 'enum',
  INPUT_OBJECT: 'input',
  SCALAR: 'scalar',
}

export class Docs {
  /** @param {(text: string) => void} insert what to do with a field that is to be asked for */
  constructor(host) {
    this.host = host
    this.path = []
    this.search = el('input', {
      type: 'search',
      id: 'docs-search',
      placeholder: 'Search types, fields, values',
      'aria-label': 'Search the schema',
      autocomplete: 'off',
      oninput: () => this.show(),
    })
    this.back = el('button.quiet', { type: 'button', onclick: () => this.goBack() }, '← Back')
    this.body = el('div.docs-body', { id: 'docs-body', tabIndex: -1 })
    this.message('Reading the schema …')
    host.append(this.search, this.body)
  }

  message(text) {
    this.body.replaceChildren(el('p.empty', {}, text))
  }

  /** Show a schema that has been read. */
  open(schema) {
    this.schema = schema
    this.show()
  }

  /** Go to a type, or to a field of it. */
  visit(type, field = null) {
    const here = this.path.at(-1)
    if (here?.type !== type || here?.field !== field) {
      this.path.push({ type, field })
    }
    this.search.value = ''
    this.show()
  }

  goBack() {
    this.path.pop()
    this.show()
    this.body.focus()
  }

  show() {
    const { schema } = this
    if (!schema) {
      return
    }
    const here = this.path.at(-1)
    const words = this.search.value.trim()
    if (words) {
      this.body.replaceChildren(...this.found(words))
    } else if (here) {
      this.body.replaceChildren(this.back, ...this.type(schema.type(here.type)))
      this.body.querySelector('.chosen')?.scrollIntoView({ block: 'center' })
    } else {
      this.body.replaceChildren(...this.front())
    }
    if (!here || words) {
      this.body.scrollTop = 0
    }
  }

  front() {
    const { roots, types } = this.schema
    const shown = Object.entries(roots).filter(([, type]) => type)
    const others = [...types.values()].filter(
      (type) => !type.name.startsWith('__') && !Object.values(roots).includes(type),
    )
    const byKind = Object.entries(KINDS).map(([kind, name]) => [name, others.filter((type) => type.kind === kind)])
    return [
      el('h3', {}, 'Begin here'),
      el(
        'ul.docs-list',
        {},
        ...shown.map(([, type]) => el('li', {}, this.link(type.name), this.about(type.description))),
      ),
      ...byKind.filter(([, list]) => list.length).map(([name, list]) => this.section(name, list)),
    ]
  }

  section(name, types) {
    const links = types.map((type) => el('li', {}, this.link(type.name)))
    return el(
      'details',
      {},
      el('summary', {}, `${name} `, el('span.count', {}, String(types.length))),
      el('ul.docs-list', {}, ...links),
    )
  }

  type(type) {
    const parts = [el('h3', {}, el('span.kind', {}, KINDS[type.kind]), ' ', type.name), this.about(type.description)]
    const told = (title, names) => names.length && parts.push(el('p.docs-names', {}, `${title} `, ...this.links(names)))
    told('Implements', type.interfaces)
    told(type.kind === 'UNION' ? 'One of' : 'Implemented by', type.possible)
    const list = (items, make) => items.size && parts.push(el('ul.docs-fields', {}, ...[...items.values()].map(make)))
    list(type.fields, (field) => this.field(field, type))
    list(type.inputs, (input) => el('li', {}, this.input(input), this.about(input.description)))
    list(type.values, (value) => this.value(value))
    return parts
  }

  field(field, type) {
    const isChosen = this.path.at(-1).type === type.name && this.path.at(-1).field === field.name
    return el(
      `li${isChosen ? '.chosen' : ''}${field.isDeprecated ? '.deprecated' : ''}`,
      {},
      el('p.signature', {}, el('span.t-name', {}, field.name), ': ', this.reference(field.type)),
      this.about(field.description),
      this.deprecation(field),
      field.args.length
        ? el(
            'ul.docs-arguments',
            {},
            ...field.args.map((input) => el('li', {}, this.input(input), this.about(input.description))),
          )
        : null,
    )
  }

  input(input) {
    const required = isRequired(input) ? el('span.required', { title: 'must be given' }, 'required') : null
    const standard = input.defaultValue == null ? null : el('span.default', {}, ` = ${input.defaultValue}`)
    return el(
      'p.signature',
      {},
      el('span.t-argument', {}, input.name),
      ': ',
      this.reference(input.type),
      standard,
      required,
    )
  }

  value(value) {
    return el(
      `li${value.isDeprecated ? '.deprecated' : ''}`,
      {},
      el('p.signature', {}, el('span.t-enum', {}, value.name)),
      this.about(value.description),
      this.deprecation(value),
    )
  }

  deprecation({ isDeprecated, deprecationReason }) {
    return isDeprecated ? el('p.warning', {}, 'Deprecated: ', prose(deprecationReason)) : null
  }

  about(description) {
    return description ? el('p.description', {}, prose(description)) : null
  }

  reference(type) {
    const name = nameOf(type)
    const wrapped = (reference, inner) => {
      if (reference.kind === 'NON_NULL') {
        return [...wrapped(reference.ofType, inner), '!']
      }
      return reference.kind === 'LIST' ? ['[', ...wrapped(reference.ofType, inner), ']'] : [inner]
    }
    return el('span.reference', {}, ...wrapped(type, this.link(name)))
  }

  link(type, field = null) {
    const text = field ? `${type}.${field}` : type
    return el('button.link', { type: 'button', onclick: () => this.visit(type, field) }, text)
  }

  links(names) {
    return names.flatMap((name, index) => (index ? [', ', this.link(name)] : [this.link(name)]))
  }

  /** What words find: types before fields before values, best match first. */
  found(words) {
    const hits = []
    const add = (name, text, order, type, field) => {
      const score = rank(words, name) ?? (text?.toLowerCase().includes(words.toLowerCase()) ? 5 : null)
      if (score !== null && score !== 4) {
        hits.push({ score, order, type, field, text })
      }
    }
    for (const type of this.schema.types.values()) {
      if (!type.name.startsWith('__')) {
        add(type.name, type.description, 0, type.name, null)
        type.fields.forEach((field) => add(field.name, field.description, 1, type.name, field.name))
        type.inputs.forEach((input) => add(input.name, input.description, 2, type.name, input.name))
        type.values.forEach((value) => add(value.name, value.description, 3, type.name, value.name))
      }
    }
    hits.sort((one, other) => one.score - other.score || one.order - other.order)
    const items = hits
      .slice(0, MOST_FOUND)
      .map((hit) => el('li', {}, this.link(hit.type, hit.field), this.about(hit.text)))
    const title = hits.length ? `${hits.length} found` : 'Nothing found'
    return [el('h3', { 'aria-live': 'polite' }, title), el('ul.docs-list', {}, ...items)]
  }
}
