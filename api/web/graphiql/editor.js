/** A code editor: a text area, with colours, marks and line numbers painted behind it. */

import { el } from './dom.js'
import { Choices } from './choices.js'
import { afterBackspace, afterEnter, afterTyping, pairAt, toggledComment } from './keys.js'

/**
 * @typedef {object} Language
 * @property {(text: string) => { kind: string, start: number, end: number }[]} tokens
 * @property {(text: string) => import("./language/validate.js").Mark[]} check
 * @property {(text: string, offset: number) => object | null} complete
 * @property {(text: string, offset: number) => object | null} describe
 * @property {string} comment begins a comment; "" where there are none
 */

const CHECK_AFTER = 180 // milliseconds without typing
const HOVER_AFTER = 250
const MARGIN = 12 // pixels between the text and its frame, as in the stylesheet

export class Editor {
  /** @param {{ label: string, id: string, language: Language }} options */
  constructor(host, { label, id, language }) {
    this.language = language
    this.marks = []
    this.listeners = { change: [], marks: [], move: [], look: [] }
    this.area = el('textarea.code', {
      id,
      spellcheck: false,
      autocomplete: 'off',
      autocapitalize: 'off',
      wrap: 'off',
      'aria-label': label,
      'aria-autocomplete': 'list',
    })
    this.paint = el('pre.code.paint', { 'aria-hidden': 'true' })
    this.under = el('pre.code.under', { 'aria-hidden': 'true' })
    this.gutter = el('pre.gutter', { 'aria-hidden': 'true' })
    this.text = el('div.text', {}, this.under, this.paint, this.area)
    this.scroller = el('div.editor', {}, this.gutter, this.text)
    this.card = el('div.card.hover', { hidden: true, role: 'tooltip' })
    this.choices = new Choices(this, id)
    host.append(this.scroller)
    document.body.append(this.card)
    this.listen()
    this.draw()
  }

  listen() {
    this.area.addEventListener('beforeinput', (event) => this.beforeInput(event))
    this.area.addEventListener('input', (event) => this.changed(event))
    this.area.addEventListener('keydown', (event) => this.pressed(event))
    this.area.addEventListener('blur', () => this.choices.close())
    this.area.addEventListener('mousemove', (event) => this.hovered(event))
    this.area.addEventListener('mouseleave', () => this.unhover())
    this.area.addEventListener('mousedown', (event) => {
      this.unhover()
      this.choices.close()
      if (event.ctrlKey || event.metaKey) {
        this.look(this.offsetAt(event))
      }
    })
    this.scroller.addEventListener('scroll', () => this.choices.close())
    document.addEventListener('selectionchange', () => document.activeElement === this.area && this.moved())
  }

  /** Call somebody when the text changes (`change`), its marks do (`marks`), the caret does (`move`), or help is asked
   * for (`look`). */
  on(event, listener) {
    this.listeners[event].push(listener)
  }

  tell(event, ...told) {
    this.listeners[event].forEach((listener) => listener(...told))
  }

  get value() {
    return this.area.value
  }

  get caret() {
    return this.area.selectionStart
  }

  /** Another text, which cannot be undone. */
  set value(text) {
    this.area.value = text
    this.area.setSelectionRange(0, 0)
    this.changed()
  }

  /** Another text, which can be. */
  rewrite(text) {
    if (text !== this.value) {
      this.replace(0, this.value.length, text, 0)
    }
    this.scroller.scrollTo(0, 0)
  }

  /** Put text into a place and the caret at an offset, so that it can be undone: only this command allows for that. */
  replace(start, end, text, caret = start + text.length) {
    this.isEditing = true
    this.area.focus({ preventScroll: true })
    this.area.setSelectionRange(start, end)
    const isDone = text ? document.execCommand('insertText', false, text) : document.execCommand('delete')
    if (!isDone && start !== end + text.length) {
      this.area.setRangeText(text, start, end, 'end')
      this.changed()
    }
    this.area.setSelectionRange(caret, caret)
    this.isEditing = false
  }

  /** Show a place: select it, and scroll to it. */
  select(start, end) {
    this.area.focus({ preventScroll: true })
    this.area.setSelectionRange(start, end)
    const { top, left } = this.position(start)
    const { clientHeight, clientWidth } = this.scroller
    this.scroller.scrollTo(Math.max(0, left - clientWidth * 0.7), Math.max(0, top - clientHeight / 2))
  }

  changed(event) {
    this.draw()
    this.tell('change', this.value)
    clearTimeout(this.checking)
    this.checking = setTimeout(() => this.check(), CHECK_AFTER)
    const isWord = event?.inputType === 'insertText' && /[\w$@]/.test(event.data ?? '')
    if (this.isEditing) {
      this.choices.close()
    } else if (isWord || this.choices.isOpen) {
      this.choices.open()
    }
  }

  /** Look for marks now; `others` are added, for example what the API complained of. */
  check(others = []) {
    this.marks = [...this.language.check(this.value), ...others]
    this.drawUnder()
    this.tell('marks', this.marks)
  }

  draw() {
    const { value } = this
    const pieces = []
    let end = 0
    for (const token of this.language.tokens(value)) {
      pieces.push(value.slice(end, token.start), el(`span.t-${token.kind}`, {}, value.slice(token.start, token.end)))
      end = token.end
    }
    this.paint.replaceChildren(...pieces, `${value.slice(end)}\n`)
    const count = value.split('\n').length
    if (count !== this.lines) {
      this.lines = count
      this.gutter.textContent = Array.from({ length: count }, (_, index) => index + 1).join('\n')
    }
    this.drawUnder()
  }

  /** The marks and the pair of brackets at the caret, behind the text. */
  drawUnder() {
    const { value } = this
    const isHere = document.activeElement === this.area
    const pair = isHere ? pairAt(this.language.tokens(value), this.caret) : []
    const brackets = pair.map(({ start, end }) => ({ start, end, name: 'pair' }))
    const marks = this.marks.map(({ start, end, severity }) => ({ start, end, name: severity }))
    const pieces = []
    let end = 0
    for (const range of [...brackets, ...marks].sort((one, other) => one.start - other.start)) {
      const [from, to] = [Math.max(range.start, end), Math.min(Math.max(range.end, range.start + 1), value.length + 1)]
      if (from < to) {
        pieces.push(
          value.slice(end, from),
          el(`span.m-${range.name}`, {}, `${value} `.slice(from, to).replace('\n', ' \n')),
        )
        end = to
      }
    }
    this.under.replaceChildren(...pieces, `${value.slice(end)}\n`)
  }

  moved() {
    this.drawUnder()
    this.tell('move', this.caret)
  }

  beforeInput(event) {
    if (this.isEditing) {
      return
    }
    if (event.inputType === 'insertText' && event.data?.length === 1) {
      this.apply(event, afterTyping(this.value, this.area.selectionStart, this.area.selectionEnd, event.data))
    } else if (event.inputType === 'insertLineBreak') {
      this.apply(event, afterEnter(this.value, this.area.selectionStart, this.area.selectionEnd))
    } else if (event.inputType === 'deleteContentBackward' && this.area.selectionStart === this.area.selectionEnd) {
      this.apply(event, afterBackspace(this.value, this.caret))
    }
  }

  apply(event, edit) {
    if (edit) {
      event.preventDefault()
      this.replace(edit.start, edit.end, edit.text, edit.caret)
    }
  }

  pressed(event) {
    const isCommand = event.ctrlKey || event.metaKey
    if (this.choices.pressed(event)) {
      event.preventDefault()
      event.stopPropagation()
    } else if (event.key === ' ' && event.ctrlKey) {
      event.preventDefault()
      this.choices.open()
    } else if (event.key === '/' && isCommand && this.language.comment) {
      event.preventDefault()
      const { selectionStart, selectionEnd } = this.area
      const edit = toggledComment(this.value, selectionStart, selectionEnd, this.language.comment)
      this.replace(edit.start, edit.end, edit.text, edit.caret)
    } else if (event.key === 'F1') {
      event.preventDefault()
      this.look(this.caret)
    }
  }

  look(offset) {
    const found = this.language.describe(this.value, offset) ?? this.language.describe(this.value, offset - 1)
    if (found) {
      this.tell('look', found)
    }
  }

  /** Pixels of an offset from the upper left corner of the text. */
  position(offset) {
    const before = this.value.slice(0, offset).split('\n')
    const { width, height } = this.cell()
    return { left: MARGIN + before.at(-1).length * width, top: MARGIN + (before.length - 1) * height }
  }

  /** The offset under the mouse; -1 where there is no text. */
  offsetAt({ clientX, clientY }) {
    const { left, top } = this.text.getBoundingClientRect()
    const { width, height } = this.cell()
    const [row, column] = [Math.floor((clientY - top - MARGIN) / height), Math.floor((clientX - left - MARGIN) / width)]
    const lines = this.value.split('\n')
    if (row < 0 || row >= lines.length || column < 0 || column >= lines[row].length) {
      return -1
    }
    return lines.slice(0, row).reduce((sum, line) => sum + line.length + 1, 0) + column
  }

  /** Width of a letter and height of a line, in pixels. */
  cell() {
    if (!this.cellSize) {
      const probe = el('span', {}, 'x'.repeat(100))
      this.paint.append(probe)
      this.cellSize = {
        width: probe.getBoundingClientRect().width / 100,
        height: parseFloat(getComputedStyle(this.paint).lineHeight),
      }
      probe.remove()
    }
    return this.cellSize
  }

  hovered(event) {
    clearTimeout(this.hovering)
    const offset = event.buttons ? -1 : this.offsetAt(event)
    if (offset !== this.hoveredOffset) {
      this.unhover()
      this.hoveredOffset = offset
    }
    if (offset >= 0 && !this.choices.isOpen) {
      this.hovering = setTimeout(() => this.hover(offset, event), HOVER_AFTER)
    }
  }

  hover(offset, { clientX, clientY }) {
    const marks = this.marks.filter(({ start, end }) => start <= offset && offset < end)
    const found = this.language.describe(this.value, offset)
    const parts = [
      ...marks.map(({ message, severity }) => el(`p.${severity}`, {}, message)),
      ...(found
        ? [el('p.title', {}, el('code', {}, found.title), ' ', el('code.type', {}, found.detail)), found.description]
        : []),
    ]
    if (parts.length) {
      this.card.replaceChildren(...parts)
      this.card.hidden = false
      const { width, height } = this.card.getBoundingClientRect()
      const isAbove = clientY + 18 + height > window.innerHeight
      this.card.style.left = `${Math.max(8, Math.min(clientX, window.innerWidth - width - 8))}px`
      this.card.style.top = `${isAbove ? clientY - height - 12 : clientY + 18}px`
    }
  }

  unhover() {
    clearTimeout(this.hovering)
    this.card.hidden = true
    this.hoveredOffset = -1
  }
}
