/** Who is signed in: the tokens stay in this tab, and end with it. */

import { ask } from './client.js'

const KEY = 'touchline.session'
const EARLY = 60_000 // milliseconds before its end at which an access token is traded

const LOGIN = `mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    tokens { accessToken accessTokenExpiresAt refreshToken }
    user { email firstName tier }
    errors { ... on UserError { message } }
  }
}`
const REFRESH = `mutation Refresh($input: RefreshTokensInput!) {
  refreshTokens(input: $input) {
    tokens { accessToken accessTokenExpiresAt refreshToken }
    errors { ... on UserError { message } }
  }
}`
const LOGOUT = 'mutation SignOut { logout(input: {}) { errors { ... on UserError { message } } } }'

export class Session {
  constructor(url, onChange) {
    this.url = url
    this.onChange = onChange
    this.held = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  }

  /** The user, `{ email, firstName, tier }`, or null. */
  get user() {
    return this.held?.user ?? null
  }

  hold(held) {
    this.held = held
    if (held) {
      sessionStorage.setItem(KEY, JSON.stringify(held))
    } else {
      sessionStorage.removeItem(KEY)
    }
    this.onChange()
  }

  /** Sign in; throws Error with what the API said. */
  async signIn(email, password) {
    const { login } = await ask(this.url, LOGIN, { input: { email, password, deviceName: 'GraphiQL' } })
    if (!login.tokens) {
      throw new Error(login.errors[0].message)
    }
    this.hold({ tokens: login.tokens, user: login.user })
  }

  async signOut() {
    const headers = await this.headers()
    this.hold(null)
    await ask(this.url, LOGOUT, {}, headers)
  }

  /** What a request must carry: nothing while nobody is signed in; a fresh token where the old one nearly ended. */
  async headers() {
    if (this.held && Date.parse(this.held.tokens.accessTokenExpiresAt) - Date.now() < EARLY) {
      this.refreshing ??= this.refresh().finally(() => (this.refreshing = null))
      await this.refreshing
    }
    return this.held ? { authorization: `Bearer ${this.held.tokens.accessToken}` } : {}
  }

  async refresh() {
    const input = { refreshToken: this.held.tokens.refreshToken }
    const { refreshTokens } = await ask(this.url, REFRESH, { input })
    this.hold(refreshTokens.tokens && { ...this.held, tokens: refreshTokens.tokens })
  }

  /** Forget a sign-in that the API no longer knows. */
  forget() {
    if (this.held) {
      this.hold(null)
    }
  }
}
