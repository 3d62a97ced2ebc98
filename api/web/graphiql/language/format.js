/** A document as it is best read: two spaces, one field a line, on one line what stood there and fits. */

import { parse } from './parser.js'
import { printType } from './schema.js'

const WIDTH = 90

/** The source laid out anew, with its comments; throws SyntaxProblem when it cannot be read. */
export function prettify(source) {
  return new Printer(source).print()
}

class Printer {
  constructor(source) {
    this.source = source
    this.document = parse(source)
    this.comments = [...this.document.comments]
    this.lines = []
    this.end = 0 // in the source, of what was printed last
  }

  print() {
    for (const definition of this.document.definitions) {
      this.begin(definition, 0, this.lines.length > 0)
      this.definition(definition)
    }
    this.flush(this.source.length, 0)
    return `${this.lines.join('\n')}\n`
  }

  line(indent, text) {
    this.lines.push('  '.repeat(indent) + text)
  }

  text({ start, end }) {
    return this.source.slice(start, end)
  }

  /** The blank line and the comments before a node. */
  begin(node, indent, isApart = false) {
    this.flush(node.start, indent)
    const comment = this.lines.at(-1)?.trimStart().startsWith('#')
    const gap = this.source.slice(this.end, node.start).match(/\n[ \t]*\r?\n/)
    const isFirst = this.lines.at(-1)?.endsWith('{')
    if (!isFirst && this.lines.length && (gap || (isApart && !comment))) {
      this.lines.push('')
    }
    this.end = node.end
  }

  /** Put the comments that stand before an offset, behind the line that they stood behind. */
  flush(offset, indent) {
    while (this.comments.length && this.comments[0].start < offset) {
      const comment = this.comments.shift()
      const before = this.source.slice(this.source.lastIndexOf('\n', comment.start - 1) + 1, comment.start)
      const text = this.text(comment).trimEnd()
      if (before.trim() && this.lines.length) {
        this.lines[this.lines.length - 1] += ` ${text}`
      } else {
        const isApart = indent === 0 && this.lines.at(-1) === '}'
        if (isApart || /\n[ \t]*\r?\n[ \t]*$/.test(this.source.slice(this.end, comment.start))) {
          this.lines.push(...(this.lines.length ? [''] : []))
        }
        this.line(indent, text)
      }
      this.end = comment.end
    }
  }

  definition(node) {
    const directives = this.directives(node)
    if (node.kind === 'fragment') {
      this.block(`fragment ${node.name.text} on ${node.on.text}${directives}`, node, 0)
    } else if (!node.name && !node.variables.length && !directives && node.operation === 'query') {
      this.block('', node, 0)
    } else {
      const variables = this.printers(node.variables)
      const name = node.name ? ` ${node.name.text}` : ''
      this.block(this.wrapped(`${node.operation}${name}`, variables, directives, 0), node, 0)
    }
  }

  block(head, node, indent) {
    const { selections, end } = node
    const flat = indent > 0 ? this.flat(head, node) : null
    if (flat !== null && flat.length + 2 * indent <= WIDTH) {
      this.line(indent, flat)
      return
    }
    this.end = selections[0].start
    const [first, ...rest] = `${head}${head ? ' ' : ''}{`.split('\n')
    this.line(indent, first)
    this.lines.push(...rest)
    selections.forEach((selection) => this.selection(selection, indent + 1))
    this.flush(end - 1, indent + 1)
    this.line(indent, '}')
    this.end = end
  }

  /** A selection on one line, if it was on one line; null otherwise. */
  flat(head, { selections, end }) {
    const inside = { start: selections[0].start, end }
    const isOneLine = !this.text(inside).includes('\n') && !head.includes('\n')
    if (!isOneLine || this.comments.some(({ start }) => inside.start < start && start < end)) {
      return null
    }
    const parts = selections.map((selection) => {
      const name = this.head(selection, 0)
      return selection.selections ? this.flat(name, selection) : name
    })
    return parts.includes(null) ? null : `${head} { ${parts.join(' ')} }`
  }

  selection(node, indent) {
    this.begin(node, indent)
    const head = this.head(node, indent)
    if (node.selections) {
      this.block(head, node, indent)
    } else {
      const [first, ...rest] = head.split('\n')
      this.line(indent, first)
      this.lines.push(...rest)
    }
  }

  /** What stands before the braces of a selection. */
  head(node, indent) {
    const directives = this.directives(node)
    if (node.kind === 'spread') {
      return `...${node.name.text}${directives}`
    }
    if (node.kind === 'inline') {
      return `...${node.on ? ` on ${node.on.text}` : ''}${directives}`
    }
    const name = `${node.alias ? `${node.alias.text}: ` : ''}${node.name.text}`
    return this.wrapped(name, this.printers(node.arguments), directives, indent)
  }

  /** A name with what is in its brackets: on one line, or one a line where that is too long. */
  wrapped(name, inside, rest, indent) {
    if (!inside.length) {
      return name + rest
    }
    const flat = `${name}(${inside.map((print) => print()).join(', ')})${rest}`
    if (flat.length + 2 * indent <= WIDTH && !flat.includes('\n')) {
      return flat
    }
    const margin = '  '.repeat(indent)
    return [`${name}(`, ...inside.map((print) => `${margin}  ${print(indent + 1)}`), `${margin})${rest}`].join('\n')
  }

  /** Printers of the parts of a bracket: with an indent what is too long is broken, without one nothing is. */
  printers(nodes) {
    return nodes.map(
      (node) => (indent) => (node.kind === 'variable' ? this.variable(node, indent) : this.argument(node, indent)),
    )
  }

  variable({ name, type, value, directives }, indent) {
    const head = `$${name.text}: ${printType(type)}`
    const standard = value ? ` = ${this.value(value, indent, head.length + 3)}` : ''
    return `${head}${standard}${this.directives({ directives })}`
  }

  argument({ name, value }, indent) {
    return `${name.text}: ${this.value(value, indent, name.text.length + 2)}`
  }

  directives({ directives }) {
    return directives.map((node) => ` @${this.wrapped(node.name.text, this.printers(node.arguments), '', 0)}`).join('')
  }

  /** A value behind so many letters of its line. */
  value(node, indent, taken = 0) {
    const isList = node.kind === 'list'
    if (!isList && node.kind !== 'object') {
      return this.text(node)
    }
    const print = (each, deeper) => (isList ? this.value(each, deeper) : this.argument(each, deeper))
    const inside = isList ? node.items : node.fields
    const [open, close] = isList ? '[]' : '{}'
    const flat = open + inside.map((each) => print(each)).join(', ') + close
    if (indent === undefined || !inside.length || flat.length + taken + 2 * indent <= WIDTH) {
      return flat
    }
    const margin = '  '.repeat(indent)
    return [open, ...inside.map((each) => `${margin}  ${print(each, indent + 1)}`), margin + close].join('\n')
  }
}
