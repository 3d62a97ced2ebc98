/** What typing does beyond putting letters: brackets in pairs, indentation, comments. Pure: text in, edit out. */

/** @typedef {{ start: number, end: number, text: string, caret: number }} Edit */

const PAIRS = { '{': '}', '(': ')', '[': ']', '"': '"' }
const CLOSERS = Object.values(PAIRS)
const BLANK = /^[\s,)\]}]?$/

/** After a letter: close what it opens, and step over what is closed already; null to just put it.
 * @returns {Edit | null} */
export function afterTyping(text, start, end, letter) {
  if (start !== end) {
    const inside = text.slice(start, end)
    const isPair = letter in PAIRS
    return isPair ? { start, end, text: letter + inside + PAIRS[letter], caret: end + 2 } : null
  }
  const next = text.charAt(start)
  if (CLOSERS.includes(letter) && next === letter && isClosed(text, start, letter)) {
    return { start, end: start + 1, text: letter, caret: start + 1 }
  }
  const isWord = letter === '"' && /[\w"]/.test(text.charAt(start - 1))
  if (letter in PAIRS && BLANK.test(next) && !isWord) {
    return { start, end, text: letter + PAIRS[letter], caret: start + 1 }
  }
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  if ((letter === '}' || letter === ']') && /^ +$/.test(line)) {
    const shorter = line.slice(2)
    return { start: start - line.length, end, text: shorter + letter, caret: start - line.length + shorter.length + 1 }
  }
  return null
}

/** Whether the closer at an offset has its opener: otherwise it is to be put, not stepped over. */
function isClosed(text, offset, closer) {
  if (closer === '"') {
    const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
    return (line.split('"').length - 1) % 2 === 1
  }
  const opener = Object.keys(PAIRS).find((key) => PAIRS[key] === closer)
  const count = (letter) => text.split(letter).length
  return count(closer) >= count(opener)
}

/** After Enter: the line's indent, two more behind an opener, and the closer on a line of its own.
 * @returns {Edit} */
export function afterEnter(text, start, end) {
  const line = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
  const indent = line.match(/^ */)[0]
  const opener = line.trimEnd().at(-1)
  if (opener !== '"' && opener in PAIRS) {
    const rest = text.slice(end).match(/^ */)[0].length
    const closes = text.charAt(end + rest) === PAIRS[opener]
    const put = `\n${indent}  ${closes ? `\n${indent}` : ''}`
    return { start, end: end + rest, text: put, caret: start + indent.length + 3 }
  }
  return { start, end, text: `\n${indent}`, caret: start + indent.length + 1 }
}

/** After Backspace: an empty pair goes as a whole, an indent by two; null for one letter.
 * @returns {Edit | null} */
export function afterBackspace(text, offset) {
  const [before, next] = [text.charAt(offset - 1), text.charAt(offset)]
  if (before in PAIRS && PAIRS[before] === next) {
    return { start: offset - 1, end: offset + 1, text: '', caret: offset - 1 }
  }
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  return /^(  )+$/.test(line) ? { start: offset - 2, end: offset, text: '', caret: offset - 2 } : null
}

/** Make the lines of a selection comments, or no comments any more.
 * @returns {Edit} */
export function toggledComment(text, start, end, sign) {
  const from = text.lastIndexOf('\n', start - 1) + 1
  const to = text.indexOf('\n', end) < 0 ? text.length : text.indexOf('\n', end)
  const lines = text.slice(from, to).split('\n')
  const areComments = lines.every((line) => !line.trim() || line.trimStart().startsWith(sign))
  const put = lines
    .map((line) =>
      areComments ? line.replace(new RegExp(`^( *)${sign} ?`), '$1') : line.replace(/^( *)(?=\S)/, `$1${sign} `),
    )
    .join('\n')
  return { start: from, end: to, text: put, caret: from + put.length }
}

/** The bracket at the caret and its partner; none where there is no pair. */
export function pairAt(tokens, caret) {
  const brackets = tokens.filter(({ kind, start, end }) => kind === 'punctuation' && end - start === 1)
  const open = []
  for (const token of brackets) {
    const text = token.text
    if (text in PAIRS) {
      open.push(token)
    } else if (CLOSERS.includes(text)) {
      const opener = open.pop()
      const isPair = opener && PAIRS[opener.text] === text
      if (isPair && [opener.start, opener.end, token.start, token.end].includes(caret)) {
        return [opener, token]
      }
    }
  }
  return []
}
