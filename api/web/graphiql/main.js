/** GraphiQL of Touchline: puts the parts together. */

import { Account } from './account.js'
import { ask, send } from './client.js'
import { Docs } from './docs.js'
import { byId, prose } from './dom.js'
import { Editor } from './editor.js'
import { Filler, NeedsSignIn } from './examples.js'
import { say, setUpFrame, showPanel, showView } from './frame.js'
import { prettify } from './language/format.js'
import { readObject } from './language/json.js'
import { SyntaxProblem } from './language/parser.js'
import { INTROSPECTION, Schema } from './language/schema.js'
import { graphql, headers, Reading, variables } from './languages.js'
import { showHistory, showOperations, showProblems } from './lists.js'
import { Results } from './results.js'
import { Runner } from './runner.js'
import { Session } from './session.js'
import { draft, keepDraft, linked, linkTo, remember } from './store.js'

const URL_OF_GRAPH = new URL(location.pathname, location.href).href
const COST = 'rateLimit(isDryRun: true) { cost limit remaining nodeCount }'
const FILES = new URL('web/graphiql/', location.href)

const reading = new Reading()
const session = new Session(URL_OF_GRAPH, () => account.show())
const account = new Account(session, say)
const query = new Editor(byId('query-editor'), { id: 'query-text', label: 'GraphQL', language: graphql(reading) })
const values = new Editor(byId('variables-editor'), {
  id: 'variables-text',
  label: 'Variables, JSON',
  language: variables(reading, chosen),
})
const more = new Editor(byId('headers-editor'), { id: 'headers-text', label: 'Headers, JSON', language: headers })
const docs = new Docs(byId('panel-schema'))
const results = new Results(goTo)
const runner = new Runner({ url: URL_OF_GRAPH, results, greeting: carried, changed: showRun })
let filler = null
let filling = 0 // counts, so that only the last of several overtaking each other is shown
let filled = '' // what was chosen

/** The operation that the button runs: the one chosen by name, else that at the caret. */
function chosen() {
  const picker = byId('which')
  return reading.operation(picker.value || null, query.caret)
}

/** The headers of a request: those of the tab, and who is signed in. */
async function carried() {
  const { value, problem } = readObject(more.value)
  if (problem) {
    throw new Error(`The headers are no JSON: ${problem.message}`)
  }
  return { ...(await session.headers()), ...value }
}

function goTo({ line, column }) {
  const lines = query.value.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1
  const word = query.value.slice(start).match(/^(?:\$?\w+|\.\.\.|.)/)?.[0] ?? ' '
  showView('query')
  query.select(start, start + word.length)
}

async function run() {
  if (runner.isLive) {
    runner.stop()
    return
  }
  query.check()
  const operation = chosen()
  const { value, problem } = readObject(values.value)
  if (problem) {
    showView('query')
    values.select(problem.start, problem.end)
    say(`The variables are no JSON: ${problem.message}`)
    return
  }
  if (!query.value.trim()) {
    say('There is nothing to run yet: choose a saved operation, or write one.')
    return
  }
  showView('result')
  const name = operation?.name?.text ?? null
  remember({ query: query.value, variables: values.value, name })
  const uses = operation ? reading.usesOf(operation) : new Map()
  const request = { query: query.value, variables: value, ...(name ? { operationName: name } : {}) }
  const kind = reading.isSound ? operation?.operation : null
  const result = await runner.run(request, { isLive: kind === 'subscription', uses })
  if (result) {
    markErrors(result.errors ?? [])
    filler?.remember(operation, uses, value, result.data)
    if (result.errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED') && session.user) {
      session.forget()
      say('The session has ended; sign in again.')
    }
  }
}

/** Mark what the API complained of at its places in the query. */
function markErrors(errors) {
  const starts = query.value.split('\n').reduce((found, line) => [...found, found.at(-1) + line.length + 1], [0])
  const marks = errors.flatMap(({ message, locations }) =>
    (locations ?? []).map(({ line, column }) => {
      const start = starts[line - 1] + column - 1
      const length = query.value.slice(start).match(/^\$?\w+/)?.[0].length ?? 1
      return { message, start, end: start + length, severity: 'error' }
    }),
  )
  query.check(marks.filter(({ start }) => !query.marks.some((mark) => mark.start === start)))
}

function showRun() {
  byId('run-label').textContent = runner.isLive ? 'Stop' : 'Run'
  byId('run').classList.toggle('stop', runner.isLive)
}

/** The picker of operations and the button that fills in, for what the editor holds now. */
function showChoices(marks) {
  const { operations } = reading
  const picker = byId('which')
  const before = picker.value
  const names = operations.map(({ name }) => name?.text).filter(Boolean)
  if (names.join() !== [...picker.options].map(({ value }) => value).join()) {
    picker.replaceChildren(...names.map((name) => new Option(name, name)))
    picker.value = names.includes(before) ? before : (names[0] ?? '')
  }
  byId('which-label').hidden = operations.length < 2
  byId('fill').hidden = !reading.schema || !chosen()?.variables.length
  const isMeasured = reading.schema?.roots.query.fields.has('rateLimit') && chosen()?.operation === 'query'
  byId('cost').hidden = !isMeasured || !reading.isSound
  showProblems(marks, query)
  values.check()
  keepDraft({ query: query.value, variables: values.value })
}

/** Say what the operation would cost: the API measures it and runs nothing. */
async function tellCost() {
  const operation = chosen()
  const { start } = operation.selections[0]
  const measured = `${query.value.slice(0, start)}measured: ${COST} ${query.value.slice(start)}`
  const request = {
    query: measured,
    variables: readObject(values.value).value ?? {},
    operationName: operation.name?.text,
  }
  const { result } = await send(URL_OF_GRAPH, request, { headers: await carried() })
  const told = result?.data?.measured
  const count = (number) => number.toLocaleString('en')
  const left = told?.limit == null ? '' : ` ${count(told.remaining)} of ${count(told.limit)} a minute are left.`
  say(
    told
      ? `Costs ${count(told.cost)} points, for at most ${count(told.nodeCount)} objects.${left}`
      : result.errors[0].message,
  )
}

/** What is wrong with the variables, else what they were filled in with. */
function showNote() {
  byId('fill-note').replaceChildren(prose(values.marks[0]?.message ?? filled))
}

/** Fill the variables in with values that work. */
async function fill() {
  query.check()
  const operation = chosen()
  if (!filler || !operation?.variables.length) {
    return
  }
  const turn = (filling += 1)
  byId('fill-note').textContent = 'Looking for values …'
  try {
    const given = readObject(values.value).value ?? {}
    const found = await filler.fill(operation, reading.usesOf(operation), given)
    if (turn === filling) {
      filled = found.note
      values.value = Object.keys(found.values).length ? JSON.stringify(found.values, null, 2) : ''
      values.check()
    }
  } catch (error) {
    if (turn === filling) {
      byId('fill-note').textContent = error.message
      if (error instanceof NeedsSignIn) {
        account.open()
        account.dialog.addEventListener('close', () => session.user && fill(), { once: true })
      }
    }
  }
}

/** Put an operation into the editor. */
function load({ source, values: text = '', name = null }) {
  runner.stop()
  query.rewrite(source)
  filled = ''
  values.value = text
  query.check()
  if (name && [...byId('which').options].some(({ value }) => value === name)) {
    byId('which').value = name
  }
  showView('query')
}

async function choose(saved) {
  load({ source: saved.source })
  await fill()
}

async function share() {
  const link = linkTo({ query: query.value, variables: values.value, name: byId('which').value || null })
  await navigator.clipboard.writeText(link)
  say('A link that holds this operation is in the clipboard.')
}

function layOut() {
  try {
    query.rewrite(prettify(query.value))
  } catch (problem) {
    if (!(problem instanceof SyntaxProblem)) {
      throw problem
    }
    query.select(problem.start, problem.end)
    say(problem.message)
  }
  const { value, problem } = readObject(values.value)
  if (!problem && values.value.trim()) {
    values.value = JSON.stringify(value, null, 2)
  }
}

async function readSchema() {
  const { result } = await send(URL_OF_GRAPH, { query: INTROSPECTION }, { headers: await carried() })
  if (!result?.data?.__schema) {
    docs.message('This deployment does not show its schema. Operations run all the same; there is no completion.')
    return
  }
  reading.schema = new Schema(result.data)
  filler = new Filler(
    async (text, given) => ask(URL_OF_GRAPH, text, given, await carried()),
    reading.schema,
    () => session.user !== null,
  )
  docs.open(reading.schema)
  query.check()
}

async function begin() {
  setUpFrame((panel) => panel === 'history' && showHistory(openEntry))
  byId('run').addEventListener('click', run)
  byId('fill').addEventListener('click', fill)
  byId('cost').addEventListener('click', tellCost)
  byId('prettify').addEventListener('click', layOut)
  byId('share').addEventListener('click', share)
  byId('which').addEventListener('change', () => values.check())
  query.on('marks', showChoices)
  query.on('move', (caret) => {
    byId('which').value = reading.operation(null, caret)?.name?.text ?? byId('which').value
  })
  values.on('marks', showNote)
  values.on('change', () => keepDraft({ query: query.value, variables: values.value }))
  query.on('look', ({ type, field }) => {
    showPanel('schema')
    docs.visit(type, field ?? null)
  })
  document.addEventListener('keydown', pressed, { capture: true })
  window.addEventListener('hashchange', () => linked() && openEntry(linked()))
  const [saved, accounts] = await Promise.all([
    fetch(new URL('operations.graphql', FILES)).then((response) => response.text()),
    fetch(new URL('accounts.json', FILES)).then((response) => response.json()),
    readSchema().catch((error) => docs.message(`The schema could not be read: ${error.message}`)),
  ])
  account.offer(accounts)
  const [first] = showOperations(saved, choose)
  const kept = linked() ?? draft()
  if (kept?.query.trim()) {
    openEntry(kept)
  } else {
    await choose(first)
  }
  document.body.dataset.ready = ''
}

function openEntry({ query: source, variables: text, name }) {
  load({ source, values: text, name })
}

function pressed(event) {
  const isCommand = event.ctrlKey || event.metaKey
  if (isCommand && event.key === 'Enter') {
    event.preventDefault()
    event.stopPropagation()
    run()
  } else if (isCommand && event.shiftKey && event.key.toLowerCase() === 'f') {
    event.preventDefault()
    layOut()
  }
}

await begin()
