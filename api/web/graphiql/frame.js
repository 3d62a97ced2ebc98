/** The page around the editors: panels, tabs, colours, the splitter, short notes. */

import { byId } from './dom.js'
import { keepTheme, theme } from './store.js'

const NOTE_FOR = 3500 // milliseconds
const NARROW = matchMedia('(max-width: 760px)')
const DARK = matchMedia('(prefers-color-scheme: dark)')

/** Say something for a moment. */
export function say(text) {
  const toast = byId('toast')
  toast.textContent = text
  toast.hidden = false
  clearTimeout(say.timer)
  say.timer = setTimeout(() => (toast.hidden = true), NOTE_FOR)
}

/** Show one of the panels, or none. */
export function showPanel(name) {
  for (const button of document.querySelectorAll('[data-panel]')) {
    button.setAttribute('aria-pressed', button.dataset.panel === name)
    byId(`panel-${button.dataset.panel}`).hidden = button.dataset.panel !== name
  }
  byId('panel').hidden = !name
}

/** On a narrow screen, where there is room for one only: show `query` or `result`. */
export function showView(name) {
  document.body.dataset.view = name
  for (const button of document.querySelectorAll('.switch button')) {
    button.setAttribute('aria-pressed', button.dataset.view === name)
  }
  if (NARROW.matches) {
    showPanel(null)
  }
}

/** Make the buttons of the frame work; `opened` hears of a panel that is shown. */
export function setUpFrame(opened) {
  for (const button of document.querySelectorAll('[data-panel]')) {
    button.addEventListener('click', () => {
      const isOpen = button.getAttribute('aria-pressed') === 'true'
      showPanel(isOpen ? null : button.dataset.panel)
      opened(isOpen ? null : button.dataset.panel)
    })
  }
  for (const button of document.querySelectorAll('.switch button')) {
    button.addEventListener('click', () => showView(button.dataset.view))
  }
  if (!NARROW.matches) {
    showPanel('operations')
  }
  setUpTheme()
  setUpSplitter()
  setUpTabs()
}

function setUpTheme() {
  const show = () => {
    const chosen = theme()
    const isDark = chosen ? chosen === 'dark' : DARK.matches
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
    byId('theme').textContent = isDark ? 'Light' : 'Dark'
    return isDark
  }
  byId('theme').addEventListener('click', () => {
    keepTheme(show() ? 'light' : 'dark')
    show()
  })
  DARK.addEventListener('change', show)
  show()
}

function setUpSplitter() {
  const splitter = byId('splitter')
  const desk = document.querySelector('.desk')
  const query = document.querySelector('.query')
  const result = byId('result')
  const set = (share) => {
    const percent = Math.round(Math.min(80, Math.max(20, share)))
    desk.style.setProperty('--share', percent / 100)
    splitter.setAttribute('aria-valuenow', percent)
  }
  const shareAt = (x) => {
    const [left, right] = [query.getBoundingClientRect().left, result.getBoundingClientRect().right]
    return ((x - left) / (right - left)) * 100
  }
  splitter.addEventListener('pointerdown', (event) => splitter.setPointerCapture(event.pointerId))
  splitter.addEventListener(
    'pointermove',
    ({ pointerId, clientX }) => splitter.hasPointerCapture(pointerId) && set(shareAt(clientX)),
  )
  splitter.addEventListener('keydown', ({ key }) => {
    const step = { ArrowLeft: -5, ArrowRight: 5 }[key]
    if (step) {
      set(Number(splitter.getAttribute('aria-valuenow')) + step)
    }
  })
  set(50)
}

function setUpTabs() {
  const tabs = [...document.querySelectorAll('[role=tab]')]
  const choose = (chosen) => {
    for (const tab of tabs) {
      tab.setAttribute('aria-selected', tab === chosen)
      tab.tabIndex = tab === chosen ? 0 : -1
      byId(tab.getAttribute('aria-controls')).hidden = tab !== chosen
    }
  }
  tabs.forEach((tab, index) => {
    tab.addEventListener('click', () => choose(tab))
    tab.addEventListener('keydown', ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key]
      if (step) {
        const next = tabs[(index + step + tabs.length) % tabs.length]
        choose(next)
        next.focus()
      }
    })
  })
}
