/** JSON with its places: tokens for colours, and what is wrong where. */

const PATTERN = new RegExp(
  [
    /(?<blank>\s+)/,
    /(?<key>"(?:\\.|[^"\\\n])*"(?=\s*:))/,
    /(?<string>"(?:\\.|[^"\\\n])*")/,
    /(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))/,
    /(?<word>true|false|null)(?!\w)/,
    /(?<punctuation>[{}[\]:,])/,
    /(?<invalid>"[^\n]*|[\w.+-]+|[^])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
)

/** The tokens of a text, invalid ones included. */
export function tokenizeJson(source) {
  const tokens = []
  const pattern = new RegExp(PATTERN)
  while (pattern.lastIndex < source.length) {
    const start = pattern.lastIndex
    const { groups } = pattern.exec(source)
    const [kind, text] = Object.entries(groups).find(([, found]) => found !== undefined)
    if (kind !== 'blank') {
      tokens.push({ kind, text, start, end: pattern.lastIndex })
    }
  }
  return tokens
}

/** What a text says, an object or nothing: `{ value }`, or `{ problem: { message, start, end } }`. */
export function readObject(source) {
  if (!source.trim()) {
    return { value: {} }
  }
  try {
    const value = JSON.parse(source)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject
      ? { value }
      : { problem: { message: 'Expected an object, `{"name": value}`.', start: 0, end: source.length } }
  } catch {
    return { problem: new Reader(source).problem() }
  }
}

class Misread extends Error {
  constructor(message, start, end) {
    super(message)
    this.start = start
    this.end = end
  }
}

/** Finds the first place where a text stops being JSON; browsers word and place that differently. */
class Reader {
  constructor(source) {
    this.tokens = tokenizeJson(source)
    this.ending = { kind: 'end', text: '', start: source.length, end: source.length }
    this.position = 0
  }

  problem() {
    try {
      this.value()
      return this.at('Nothing can follow here.')
    } catch (found) {
      if (found instanceof Misread) {
        return found
      }
      throw found
    }
  }

  get token() {
    return this.tokens[this.position] ?? this.ending
  }

  at(message) {
    const { start, end } = this.token
    return new Misread(message, start, Math.max(end, start + 1))
  }

  expect(text, what = `\`${text}\``) {
    if (this.token.text !== text) {
      throw this.at(`Expected ${what}.`)
    }
    this.position += 1
  }

  value() {
    const { kind, text } = this.token
    if (text === '{') {
      this.sequence('}', () => this.member())
    } else if (text === '[') {
      this.sequence(']', () => this.value())
    } else if (['string', 'key', 'number', 'word'].includes(kind)) {
      this.position += 1
    } else {
      throw this.at(kind === 'invalid' ? 'No JSON value; text stands in "quotes".' : 'Expected a value.')
    }
  }

  sequence(close, item) {
    this.position += 1
    for (let isFirst = true; this.token.text !== close; isFirst = false) {
      if (!isFirst) {
        this.expect(',', `\`,\` or \`${close}\``)
      }
      item()
    }
    this.position += 1
  }

  member() {
    if (!['key', 'string'].includes(this.token.kind)) {
      throw this.at('Expected a name in "quotes".')
    }
    this.position += 1
    this.expect(':')
    this.value()
  }
}
