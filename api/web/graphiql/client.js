/** Questions over HTTP. */

const ACCEPT = 'application/graphql-response+json, application/json'

/**
 * @typedef {object} Answer
 * @property {number} status of HTTP
 * @property {number} milliseconds until all of it was there
 * @property {number} bytes of the body, unpacked
 * @property {Headers} headers
 * @property {object | null} result what GraphQL answered; null when it is no JSON
 * @property {string} text the body
 */

/** Send an operation; throws TypeError when nobody answers, AbortError when it is given up.
 * @returns {Promise<Answer>} */
export async function send(url, operation, { headers = {}, signal } = {}) {
  const began = performance.now()
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: ACCEPT, ...headers },
    body: JSON.stringify(operation),
    signal,
  })
  const text = await response.text()
  const milliseconds = performance.now() - began
  const bytes = new TextEncoder().encode(text).length
  return { status: response.status, milliseconds, bytes, headers: response.headers, result: parsed(text), text }
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** The data of an operation that must succeed; throws Error with what the API said. */
export async function ask(url, query, variables, headers) {
  const { result, status } = await send(url, { query, variables }, { headers })
  if (!result?.data || result.errors) {
    throw new Error(result?.errors?.[0]?.message ?? `The API answered with status ${status}.`)
  }
  return result.data
}
