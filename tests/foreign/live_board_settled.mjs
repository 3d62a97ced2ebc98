// Follows somebody's settlements as the example's README shows it; ends when the third token was asked for, since the
// first two have ended. Runs beside the built example.

import WebSocket from 'ws'

import { settled } from './dist/shown0.js'

globalThis.WebSocket ??= WebSocket // of Node 22, and of every browser
const [url, email, password] = process.argv.slice(2)
const query = 'mutation ($input: LoginInput!) { login(input: $input) { tokens { accessToken } } }'
let count = 0

async function token() {
  if (++count === 3) {
    console.log('third token')
    process.exit(0)
  }
  const body = JSON.stringify({ query, variables: { input: { email, password } } })
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  return (await answer.json()).data.login.tokens.accessToken
}

settled(url.replace('http', 'ws'), token, () => {}, (problem) => {
  console.error(problem)
  process.exit(1)
})
