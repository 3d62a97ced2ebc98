// A live odds board in one file. Step by step: ask for the next match and its board, draw it, then listen to changes
// from exactly the point where the board ended, and go on from there whenever the connection was lost.

const GRAPH = new URL('graphql', location.href).href

const BOARD = `query Board {
  matches(filter: {window: NEXT_7_DAYS, statuses: [SCHEDULED]}, first: 1) {
    nodes {
      id
      kickoffAt
      homeTeam { name }
      awayTeam { name }
      oddsBoard(market: MATCH_RESULT) {
        cursor
        market { selections { key name } }
        rows { bookmaker { id name } quotes { price { decimal } isStale } }
      }
    }
  }
}`
const LIVE = `subscription Live($ids: [ID!]!, $after: String) {
  oddsChanged(matchIds: $ids, markets: [MATCH_RESULT], after: $after) {
    kind
    cursor
    changes { quote { price { decimal } isAvailable bookmaker { id } selection { key } } }
  }
}`

const page = {
  title: document.getElementById('match'),
  state: document.getElementById('state'),
  table: document.getElementById('board'),
}
const cells = new Map() // bookmaker and selection → the cell of their price

// 1. A query is a POST; what went wrong is in `errors`.
async function ask(query, variables) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(GRAPH, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })
  const { data, errors } = await answer.json()
  if (errors) {
    throw new Error(errors[0].message)
  }
  return data
}

// 2. The board: bookmakers down, selections across.
function draw({ homeTeam, awayTeam, oddsBoard }) {
  page.title.textContent = `${homeTeam.name} – ${awayTeam.name}`
  const { selections } = oddsBoard.market
  const head = page.table.createTHead().insertRow()
  for (const name of ['', ...selections.map((selection) => selection.name)]) {
    head.append(Object.assign(document.createElement('th'), { textContent: name, scope: 'col' }))
  }
  const body = page.table.createTBody()
  for (const { bookmaker, quotes } of oddsBoard.rows) {
    const row = body.insertRow()
    row.append(Object.assign(document.createElement('th'), { textContent: bookmaker.name, scope: 'row' }))
    for (const [index, quote] of quotes.entries()) {
      const cell = row.insertCell()
      cells.set(bookmaker.id + selections[index].key, cell)
      put(cell, quote?.price.decimal)
      cell.classList.toggle('stale', quote?.isStale ?? false)
    }
  }
  markBest()
}

function put(cell, price) {
  const before = Number(cell.textContent)
  cell.textContent = price === undefined ? '–' : price.toFixed(2)
  cell.classList.remove('up', 'down', 'stale')
  if (price && before && price !== before) {
    cell.classList.add(price > before ? 'up' : 'down')
  }
}

function markBest() {
  const rows = [...page.table.tBodies[0].rows]
  for (let column = 1; column < page.table.rows[0].cells.length; column += 1) {
    const prices = rows.map((row) => row.cells[column])
    const best = Math.max(...prices.map((cell) => Number(cell.textContent) || 0))
    prices.forEach((cell) => cell.classList.toggle('best', Number(cell.textContent) === best))
  }
}

// 3. Changes, from `after` on. Each message's cursor is where to go on after a lost connection.
function listen(id, after) {
  const socket = new WebSocket(GRAPH.replace(/^http/, 'ws'), 'graphql-transport-ws')
  const send = (message) => socket.send(JSON.stringify(message))
  let cursor = after
  socket.onopen = () => send({ type: 'connection_init' })
  socket.onmessage = ({ data }) => {
    const { type, payload } = JSON.parse(data)
    if (type === 'connection_ack') {
      page.state.textContent = 'Live. The best price of each column is bold.'
      send({ id: '1', type: 'subscribe', payload: { query: LIVE, variables: { ids: [id], after } } })
    } else if (type === 'ping') {
      send({ type: 'pong' })
    } else if (type === 'next') {
      const { changes, cursor: position } = payload.data.oddsChanged
      cursor = position
      for (const { quote } of changes) {
        const cell = cells.get(quote.bookmaker.id + quote.selection.key)
        if (cell) {
          put(cell, quote.isAvailable ? quote.price.decimal : undefined)
        }
      }
      markBest()
    }
  }
  socket.onclose = () => {
    page.state.textContent = 'The connection was lost; trying again.'
    setTimeout(() => listen(id, cursor), 2000)
  }
}

try {
  const [match] = (await ask(BOARD)).matches.nodes
  if (match) {
    draw(match)
    listen(match.id, match.oddsBoard.cursor)
  } else {
    page.state.textContent = 'No match within the next 7 days.'
  }
} catch (error) {
  page.state.textContent = `The board could not be read: ${error.message}`
}
