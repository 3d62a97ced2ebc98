/** The list of what may be put at the caret. */

import { el, prose } from './dom.js'

const MOST = 200

export class Choices {
  constructor(editor, id) {
    this.editor = editor
    this.list = el('ul', { id: `${id}-choices`, role: 'listbox', 'aria-label': 'Suggestions' })
    this.about = el('div.about')
    this.box = el('div.card.choices', { hidden: true }, this.list, this.about)
    this.box.addEventListener('mousedown', (event) => event.preventDefault()) // the editor keeps the focus
    document.body.append(this.box)
    editor.area.setAttribute('aria-controls', this.list.id)
  }

  get isOpen() {
    return !this.box.hidden
  }

  /** Show what fits at the caret, or nothing. */
  open() {
    const { editor } = this
    this.found = editor.language.complete(editor.value, editor.caret)
    const only = this.found?.choices.length === 1 ? this.found.choices[0] : null
    const typed = this.found && editor.value.slice(this.found.start, this.found.end)
    if (!this.found || (only && (only.insert ?? only.label) === typed)) {
      this.close()
      return
    }
    this.list.replaceChildren(...this.found.choices.slice(0, MOST).map((choice, index) => this.item(choice, index)))
    this.box.hidden = false
    this.choose(0)
    this.place()
  }

  item(choice, index) {
    const struck = choice.isDeprecated ? '.deprecated' : ''
    return el(
      `li${struck}`,
      { id: `${this.list.id}-${index}`, role: 'option', onclick: () => this.accept(index) },
      el('span.label', {}, choice.label),
      el('span.type', {}, choice.detail ?? ''),
    )
  }

  place() {
    const { editor } = this
    const { left, top } = editor.position(this.found.start)
    const text = editor.text.getBoundingClientRect()
    const line = editor.cell().height
    const { width, height } = this.box.getBoundingClientRect()
    const below = text.top + top + line + 4
    const isAbove = below + height > window.innerHeight && text.top + top - height > 0
    this.box.style.left = `${Math.max(8, Math.min(text.left + left - 8, window.innerWidth - width - 8))}px`
    this.box.style.top = `${isAbove ? text.top + top - height - 4 : below}px`
  }

  choose(index) {
    const items = this.list.children
    this.index = Math.max(0, Math.min(index, items.length - 1))
    for (const [position, item] of [...items].entries()) {
      item.setAttribute('aria-selected', position === this.index)
    }
    items[this.index].scrollIntoView({ block: 'nearest' })
    this.editor.area.setAttribute('aria-activedescendant', items[this.index].id)
    const { description } = this.found.choices[this.index]
    this.about.replaceChildren(prose(description))
    this.about.hidden = !description
  }

  /** Whether a key was meant for the list. */
  pressed({ key, ctrlKey, metaKey }) {
    if (!this.isOpen || ctrlKey || metaKey) {
      return false
    }
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }
    if (key in steps) {
      this.choose(this.index + steps[key])
    } else if (key === 'Enter' || key === 'Tab') {
      this.accept(this.index)
    } else if (key === 'Escape') {
      this.close()
    } else {
      return false
    }
    return true
  }

  accept(index) {
    const { start, end, choices } = this.found
    const insert = choices[index].insert ?? choices[index].label
    const [before, after = ''] = insert.split('|')
    this.close()
    this.editor.replace(start, end, before + after, start + before.length)
    if (insert.includes('|') || insert.endsWith(': ')) {
      this.open()
    }
  }

  close() {
    this.box.hidden = true
    this.editor.area.removeAttribute('aria-activedescendant')
  }
}
