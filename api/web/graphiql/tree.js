/** JSON as a tree whose objects and lists fold. What is folded is made when it is opened. */

import { el } from './dom.js'

const OPEN_LINES = 1200 // more than these begin folded, so that a large answer is there at once

/** Lines of a value; the parts at its root that are named `folded` begin so. */
export function tree(value, folded = []) {
  const room = { lines: OPEN_LINES, folded }
  return el('div.json', {}, node(value, null, '', room))
}

function node(value, key, comma, room) {
  room.lines -= 1
  const name = key === null ? [] : [el('span.t-key', {}, JSON.stringify(key)), ': ']
  if (typeof value !== 'object' || value === null) {
    return el('div.line', {}, ...name, scalar(value), comma)
  }
  const isList = Array.isArray(value)
  const entries = isList ? value.map((item) => [null, item]) : Object.entries(value)
  const [open, close] = isList ? '[]' : '{}'
  if (!entries.length) {
    return el('div.line', {}, ...name, open + close, comma)
  }
  const count = el('span.folded', {}, ` ${counted(entries.length, isList)} ${close}${comma}`)
  const children = el('div.children')
  const fill = () => {
    const last = entries.length - 1
    children.append(...entries.map(([key, item], index) => node(item, key, index < last ? ',' : '', room)))
  }
  const isOpen = room.lines > 0 && !room.folded.includes(key)
  const details = el('details', { open: isOpen }, el('summary.line', {}, ...name, open, count), children)
  details.append(el('div.line.close', {}, close + comma))
  if (isOpen) {
    fill()
  } else {
    details.addEventListener('toggle', fill, { once: true })
  }
  return details
}

function scalar(value) {
  const kind = value === null ? 'word' : { string: 'string', number: 'number', boolean: 'word' }[typeof value]
  return el(`span.t-${kind}`, {}, JSON.stringify(value))
}

function counted(number, isList) {
  const what = isList ? 'item' : 'field'
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
