// GraphiQL and the front page in a browser, at a demo that moves: arguments are the address of the graph and Chromium.

import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { check, line } from './checks.mjs'

const [graph, executablePath] = process.argv.slice(2)
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const between = await line(graph) // the pages are opened through it, so that their connections can be cut
const origin = new URL(between.url).origin
const browser = await chromium.launch({ executablePath, args: QUIET })
const asked = [] // every address that any page asked for
const complaints = [] // what the console said, violations of the policy included
const frames = [] // what was sent over WebSockets

/** A page of a browser that has never been here. */
async function open(path = '/graphql', { ready = 'body[data-ready]', ...options } = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  })
  context.on('request', (request) => asked.push(request.url()))
  const page = await context.newPage()
  page.setDefaultTimeout(20_000)
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.stack))
  page.on('websocket', (socket) => {
    asked.push(socket.url())
    socket.on('framesent', ({ payload }) => frames.push(JSON.parse(payload)))
  })
  await page.goto(origin + path)
  await page.waitForSelector(ready, { state: 'attached' })
  return page
}

const value = (page, editor) => page.inputValue(`#${editor}-text`)
const variables = async (page) => JSON.parse(await value(page, 'variables'))
const says = (page, selector, pattern) =>
  page.waitForFunction(
    ([where, source]) => new RegExp(source).test(document.querySelector(where)?.textContent ?? ''),
    [selector, pattern.source],
  )
const load = (page, name) => page.click(`[data-operation=${name}]`)

/** Run what is in the editor; answers what came. */
async function answered(page) {
  await page.click('#run')
  await page.waitForSelector('#status [data-state=good]')
  await page.click('#copy')
  return JSON.parse(await page.evaluate(() => navigator.clipboard.readText())).data
}

/** Another text in an editor, typed. */
async function type(page, editor, text) {
  await page.click(`#${editor}-text`)
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Delete')
  await page.keyboard.type(text)
}

const page = await open()

await check({
  async 'it opens with Today, which runs'() {
    assert.match(await value(page, 'query'), /query Today/)
    const { matches } = await answered(page)
    assert.equal(typeof matches.totalCount, 'number')
    assert.match(await page.textContent('#status'), /200\d+ ms[\d.]+ k?B/)
    return matches.totalCount
  },
  async 'variables are completed, and shown to be wrong'() {
    await type(page, 'variables', '{"fil')
    await page.keyboard.press('Enter')
    await page.keyboard.type('{"window": "NEXT_7')
    await page.keyboard.press('Enter')
    assert.deepEqual(await variables(page), { filter: { window: 'NEXT_7_DAYS' } })
    const { matches } = await answered(page)
    assert.ok(matches.totalCount > 0 && matches.nodes[0].homeTeam.shortName, 'no matches within 7 days')
    await type(page, 'variables', '{"fliter": 1}')
    await says(page, '#fill-note', /Did you mean filter/)
    return matches.totalCount
  },
  async 'a query is completed, marked and laid out while it is typed'() {
    await type(page, 'query', '{ matc')
    await page.keyboard.press('Enter')
    await page.keyboard.type('totalCoun')
    await page.keyboard.press('Escape')
    await page.waitForSelector('.m-error', { state: 'attached' })
    await says(page, '#problems', /MatchConnection has no field totalCoun. Did you mean totalCount/)
    await page.click('.problem')
    assert.equal(await page.evaluate(() => getSelection().toString()), 'totalCoun')
    await page.keyboard.type('totalCount nodes{id}')
    await page.click('#prettify')
    assert.equal(await value(page, 'query'), '{\n  matches {\n    totalCount\n    nodes { id }\n  }\n}\n')
    await page.keyboard.press('Control+z')
    assert.match(await value(page, 'query'), /totalCount nodes\{id\}/)
    await page.waitForFunction(() => !document.querySelector('#problems').textContent)
    await page.click('#cost')
    await says(page, '#toast', /Costs \d+ points/)
    return page.textContent('#toast')
  },
  async 'of several operations one is chosen'() {
    await type(page, 'query', 'query One { status { level } } query Two { status { clock { speed } } }')
    await page.waitForSelector('#which-label:not([hidden])')
    await page.selectOption('#which', 'Two')
    const { status } = await answered(page)
    assert.ok(status.clock.speed > 0)
    return status.clock.speed
  },
  async 'what the API refuses is shown at its place'() {
    const known = complaints.length
    await type(page, 'query', '{ matches(first: 101) { totalCount } }')
    await page.click('#run')
    await page.waitForSelector('.error-box .link')
    await page.click('.error-box .link')
    assert.equal(await page.evaluate(() => getSelection().toString()), 'matches')
    complaints.splice(
      known,
      complaints.length,
      ...complaints.slice(known).filter((each) => !/status of 400/.test(each)),
    )
    return page.textContent('.error-box .chip')
  },
  async 'a board is filled in and goes on live, also after a lost connection'() {
    await load(page, 'OddsBoard')
    await says(page, '#fill-note', /Match: /)
    const { match } = await answered(page)
    assert.ok(match.oddsBoard.rows.length > 0)
    await load(page, 'LiveOdds')
    await says(page, '#fill-note', /Goes on where its board ended/)
    assert.equal((await variables(page)).after, match.oddsBoard.cursor)
    await page.click('#query-text')
    await page.keyboard.press('Control+Enter')
    await says(page, '.log', /DELTA/)
    assert.ok(between.cut() > 0)
    await says(page, '.answer .note', /goes on after the last cursor/)
    const [first, second] = frames
      .filter(({ type }) => type === 'subscribe')
      .map(({ payload }) => payload.variables.after)
    assert.equal(first, match.oddsBoard.cursor)
    assert.ok(second && second !== first, 'the second subscription does not go on')
    const count = await page.locator('.log > li > details').count()
    await page.waitForFunction((before) => document.querySelectorAll('.log > li > details').length > before, count)
    await page.click('#run')
    await says(page, '#status', /Ended/)
    return page.textContent('#status')
  },
  async 'a visitor of the demo is signed in with one click, on sockets too'() {
    await page.click('#account')
    await page.click('[data-account^=vip]')
    await says(page, '#account', /VIP/)
    await load(page, 'Record')
    assert.equal((await answered(page)).viewer.tier, 'VIP')
    await load(page, 'Settled')
    await page.click('#run')
    await says(page, '.answer .note', /Connected/)
    assert.match(frames.findLast(({ type }) => type === 'connection_init').payload.authorization, /^Bearer ./)
    await page.click('#run')
    assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('Token'), 'a token outlives the tab')
    return page.textContent('#account')
  },
  async 'the schema is read, searched and followed'() {
    await page.click('[data-panel=schema]')
    await page.fill('#docs-search', 'oddsBoard')
    await page.click('.docs-list >> text=Match.oddsBoard')
    await says(page, '.docs-fields .chosen', /oddsBoard: OddsBoard/)
    await page.click('.docs-fields .chosen .reference .link')
    await says(page, '.docs-body h3', /type OddsBoard/)
    await page.click('text=← Back')
    await says(page, '.docs-body h3', /type Match/)
    return page.textContent('.docs-body h3')
  },
  async 'what was run is kept, and a link holds it'() {
    await page.click('[data-panel=history]')
    await says(page, '#panel-history', /Record/)
    await page.click('#panel-history >> text=OddsBoard')
    assert.match(await value(page, 'query'), /query OddsBoard/)
    await page.click('#share')
    await says(page, '#toast', /link/)
    const link = new URL(await page.evaluate(() => navigator.clipboard.readText()))
    const other = await open(link.pathname + link.hash)
    assert.equal(await value(other, 'query'), await value(page, 'query'))
    assert.equal(await value(other, 'variables'), await value(page, 'variables'))
    return link.hash.length
  },
  async 'it fits a phone, in the dark'() {
    const phone = await open('/graphql', { viewport: { width: 360, height: 640 }, colorScheme: 'dark' })
    await answered(phone)
    const [wide, dark] = await phone.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.dataset.theme,
    ])
    assert.deepEqual([wide, dark], [360, 'dark'])
    return wide
  },
  async 'every control has a name'() {
    const nameless = await page.evaluate(() =>
      [...document.querySelectorAll('button, input, textarea, select, [role=separator]')]
        .filter((each) => !each.textContent.trim() && !each.ariaLabel && !each.labels?.length)
        .map((each) => each.outerHTML),
    )
    assert.deepEqual(nameless, [])
    return page.locator('button').count()
  },
  async 'without the schema it says so, and runs all the same'() {
    const context = await browser.newContext()
    const blind = await context.newPage()
    await blind.route('**/graphql', (route) => {
      const isIntrospection = route.request().postData()?.includes('__schema')
      return isIntrospection ? route.fulfill({ json: { errors: [{ message: 'not shown' }] } }) : route.continue()
    })
    await blind.goto(`${origin}/graphql`)
    await blind.waitForSelector('body[data-ready]', { state: 'attached' })
    await says(blind, '#panel-schema', /does not show its schema/)
    await blind.click('#run')
    await blind.waitForSelector('#status [data-state=good]')
    return blind.textContent('#status')
  },
  async 'the front page has a live board'() {
    const front = await open('/', { ready: '#board td' })
    await says(front, '#state', /^Live/)
    assert.ok((await front.locator('#board td.best').count()) > 0)
    return front.textContent('#match')
  },
  async 'nothing was asked of another host, and nothing complained'() {
    const hosts = new Set(asked.map((address) => new URL(address).host))
    assert.deepEqual([...hosts], [new URL(origin).host])
    const lost = /WebSocket connection to .* failed/ // the cut
    assert.deepEqual(
      complaints.filter((each) => !lost.test(each)),
      [],
    )
    await browser.close()
    return `${asked.length} requests`
  },
})
