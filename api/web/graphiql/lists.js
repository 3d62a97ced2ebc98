/** The lists beside and below the editor: saved operations, what was run, what is wrong. */

import { byId, el, prose } from './dom.js'
import { savedOperations } from './examples.js'
import { forgetHistory, history } from './store.js'

const MOST_SHOWN = 3
const KINDS = { query: 'query', mutation: 'mutation', subscription: 'live' }

/** List the operations of a document; `choose` gets the one that is taken. Answers them. */
export function showOperations(source, choose) {
  const saved = savedOperations(source)
  const items = saved.map((operation) =>
    el(
      'li',
      {},
      el(
        'button.entry',
        { type: 'button', 'data-operation': operation.name, onclick: () => choose(operation) },
        el(
          'span.entry-name',
          {},
          operation.name,
          el('span.kind', { 'data-kind': operation.operation }, KINDS[operation.operation]),
        ),
        el('span.entry-about', {}, operation.title),
      ),
    ),
  )
  byId('panel-operations').replaceChildren(
    el('p.hint', {}, 'A click loads one and fills its variables in.'),
    el('ul.entries', {}, ...items),
  )
  return saved
}

/** List what was run; `open` gets the entry that is taken. */
export function showHistory(open) {
  const entries = history()
  const items = entries.map((entry) =>
    el(
      'li',
      {},
      el(
        'button.entry',
        { type: 'button', onclick: () => open(entry) },
        el('span.entry-name', {}, entry.name ?? firstField(entry.query)),
        el('time.entry-about', { dateTime: entry.at }, new Date(entry.at).toLocaleString()),
      ),
    ),
  )
  const forget = () => {
    forgetHistory()
    showHistory(open)
  }
  const empty = el('p.empty', {}, 'What you run is listed here. It stays in this browser.')
  const clear = el('button.quiet', { type: 'button', onclick: forget }, 'Forget all')
  byId('panel-history').replaceChildren(...(entries.length ? [el('ul.entries', {}, ...items), clear] : [empty]))
}

function firstField(query) {
  return query.replace(/#.*/g, '').match(/\{\s*(\w+)/)?.[1] ?? '…'
}

/** Say below an editor what its marks are; a click goes there. */
export function showProblems(marks, editor) {
  const line = (offset) => editor.value.slice(0, offset).split('\n').length
  const items = marks
    .slice(0, MOST_SHOWN)
    .map(({ message, start, end, severity }) =>
      el(
        `button.problem.${severity}`,
        { type: 'button', onclick: () => editor.select(start, end) },
        el('span.place', {}, `${line(start)}`),
        el('span', {}, prose(message)),
      ),
    )
  const rest = marks.length - items.length
  byId('problems').replaceChildren(...items, rest > 0 ? el('span.place', {}, `and ${rest} more`) : '')
}
