/** What the browser keeps: the text in the editor, what was run, the colours; and the link that holds an operation. */

const HISTORY = 'touchline.history'
const DRAFT = 'touchline.draft'
const THEME = 'touchline.theme'
const MOST_KEPT = 40
const SECRET = /password|refreshToken|accessToken/i

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key))
  } catch {
    return null // not ours, or of another version
  }
}

/** What was run, newest first: `{ query, variables, name, at }`. */
export function history() {
  return read(HISTORY) ?? []
}

/** Keep what was run, unless it holds a secret; the same text is kept once. */
export function remember({ query, variables, name }) {
  if (SECRET.test(query) || SECRET.test(variables)) {
    return
  }
  const others = history().filter((entry) => entry.query !== query || entry.variables !== variables)
  const kept = [{ query, variables, name, at: new Date().toISOString() }, ...others].slice(0, MOST_KEPT)
  localStorage.setItem(HISTORY, JSON.stringify(kept))
}

export function forgetHistory() {
  localStorage.removeItem(HISTORY)
}

/** Keep the text that is being written, `{ query, variables }`. */
export function keepDraft(draft) {
  if (!SECRET.test(draft.variables) && !SECRET.test(draft.query)) {
    localStorage.setItem(DRAFT, JSON.stringify(draft))
  }
}

export function draft() {
  return read(DRAFT)
}

/** `light`, `dark`, or null for what the machine likes. */
export function theme() {
  return read(THEME)
}

export function keepTheme(name) {
  localStorage.setItem(THEME, JSON.stringify(name))
}

/** The address of this page with an operation in its fragment, which no server sees. */
export function linkTo({ query, variables, name }) {
  const parts = new URLSearchParams({ query })
  if (variables.trim()) {
    parts.set('variables', variables)
  }
  if (name) {
    parts.set('operation', name)
  }
  return `${location.origin}${location.pathname}#${parts}`
}

/** The operation in the fragment of this page's address; null without one. */
export function linked() {
  const parts = new URLSearchParams(location.hash.slice(1))
  return parts.has('query')
    ? { query: parts.get('query'), variables: parts.get('variables') ?? '', name: parts.get('operation') }
    : null
}
