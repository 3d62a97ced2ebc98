/** The box in which somebody signs in, and the button that shows who is. */

import { byId, el } from './dom.js'

export class Account {
  /** @param {import("./session.js").Session} session */
  constructor(session, say) {
    this.session = session
    this.say = say
    this.button = byId('account')
    this.dialog = byId('sign-in')
    this.examples = {}
    this.button.addEventListener('click', () => this.open())
    this.show()
  }

  /** Accounts that anybody may use: e-mail → password. */
  offer(examples) {
    this.examples = examples
  }

  show() {
    const { user } = this.session
    const name = user ? (user.firstName ?? user.email) : 'Sign in'
    this.button.replaceChildren(name, user ? el('span.chip', {}, user.tier) : '')
    this.button.title = user ? `Signed in as ${user.email}` : 'Sign in'
  }

  open() {
    this.dialog.replaceChildren(...(this.session.user ? this.signedIn() : this.signedOut()))
    this.dialog.showModal()
  }

  frame(title, ...parts) {
    const shut = () => this.dialog.close()
    const close = el('button.quiet', { type: 'button', 'aria-label': 'Close', onclick: shut }, '✕')
    return [el('div.dialog-head', {}, el('h2', { id: 'sign-in-title' }, title), close), ...parts]
  }

  signedIn() {
    const { user } = this.session
    const leave = async () => {
      this.dialog.close()
      await this.session.signOut()
      this.say('Signed out.')
    }
    return this.frame(
      user.firstName ?? 'Signed in',
      el(
        'p',
        {},
        `${user.email}, on the plan ${user.tier}. Every request carries the access token; it stays in this tab.`,
      ),
      el('button.wide', { type: 'button', onclick: leave }, 'Sign out'),
    )
  }

  signedOut() {
    this.problem = el('p.error', { role: 'alert' })
    const email = el('input', { type: 'email', id: 'email', autocomplete: 'username', required: true })
    const password = el('input', { type: 'password', id: 'password', autocomplete: 'current-password', required: true })
    const submit = (event) => {
      event.preventDefault()
      this.signIn(email.value, password.value)
    }
    this.form = el(
      'form',
      { onsubmit: submit },
      el('label', {}, 'E-mail', email),
      el('label', {}, 'Password', password),
      this.problem,
      el('button.wide.primary', { type: 'submit' }, 'Sign in'),
    )
    return this.frame('Sign in', ...this.visitors(), this.form)
  }

  visitors() {
    const accounts = Object.entries(this.examples)
    if (!accounts.length) {
      return []
    }
    const buttons = accounts.map(([email, password]) => {
      const name = email.split('@')[0].toUpperCase()
      return el(
        'button',
        { type: 'button', 'data-account': email, title: email, onclick: () => this.signIn(email, password) },
        name,
      )
    })
    return [
      el('p', {}, 'Be a visitor of the demo, on one of its plans:'),
      el('div.visitors', {}, ...buttons),
      el('p.or', {}, 'or with an account of your own'),
    ]
  }

  async signIn(email, password) {
    const controls = this.dialog.querySelectorAll('button, input')
    controls.forEach((control) => (control.disabled = true))
    this.problem.textContent = ''
    try {
      await this.session.signIn(email, password)
      this.dialog.close()
      this.say(`Signed in as ${email}.`)
    } catch (error) {
      this.problem.textContent = error.message
    } finally {
      controls.forEach((control) => (control.disabled = false))
    }
  }
}
