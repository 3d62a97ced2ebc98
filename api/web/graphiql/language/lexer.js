/** GraphQL source as tokens. Whitespace and commas are left out, comments are kept. */

/**
 * @typedef {object} Token
 * @property {"punctuation"|"name"|"int"|"float"|"string"|"block"|"comment"|"invalid"} kind
 * @property {string} text
 * @property {number} start offset of its first character
 * @property {number} end offset after its last
 */

const PATTERN = new RegExp(
  [
    /(?<blank>[\s,\uFEFF]+)/,
    /(?<comment>#[^\n\r]*)/,
    /(?<punctuation>\.\.\.|[!$&()[\]{}:=@|])/,
    /(?<name>[A-Za-z_]\w*)/,
    /(?<float>-?(?:0|[1-9]\d*)(?:\.\d+(?:[eE][+-]?\d+)?|[eE][+-]?\d+)(?![\w.]))/,
    /(?<int>-?(?:0|[1-9]\d*)(?![\w.]))/,
    /(?<block>"""(?:\\"""|[^])*?""")/,
    /(?<string>"(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4}|u\{[\da-fA-F]+\})|[^"\\\n\r])*")/,
    /(?<invalid>"(?:\\.|[^"\\\n\r])*|-?[\w.]+|[^])/,
  ]
    .map((part) => part.source)
    .join('|'),
  'y',
)

/** The tokens of a source, invalid ones included.
 * @returns {Token[]} */
export function tokenize(source) {
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

/** What a string token says. */
export function stringValue(token) {
  if (token.kind === 'block') {
    return dedented(token.text.slice(3, -3).replaceAll('\\"""', '"""'))
  }
  return JSON.parse(token.text.replace(/\\u\{([\da-fA-F]+)\}/g, (_, code) => String.fromCodePoint(parseInt(code, 16))))
}

function dedented(text) {
  const lines = text.split(/\r\n|\n|\r/)
  const indents = lines
    .slice(1)
    .filter((line) => line.trim())
    .map((line) => line.match(/^[ \t]*/)[0].length)
  const indent = indents.length ? Math.min(...indents) : 0
  return lines
    .map((line, index) => (index ? line.slice(indent) : line))
    .join('\n')
    .trim()
}
