// Narrows the list of types to those whose name, or the name of a field or value, has the words typed.
const box = document.querySelector('nav input')
const groups = [...document.querySelectorAll('nav details')]
const wasOpen = new Map(groups.map((group) => [group, group.open]))
const names = new Map()
for (const item of document.querySelectorAll('nav li')) {
  const target = item.querySelector('a').hash.slice(1)
  const inner = [...document.querySelectorAll(`[id^="${target}."]`)].map((place) => place.id)
  names.set(item, [target, ...inner].join(' ').toLowerCase())
}
box.addEventListener('input', () => {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean)
  for (const [item, text] of names) item.hidden = !words.every((word) => text.includes(word))
  for (const group of groups) {
    group.hidden = words.length > 0 && group.querySelector('li:not([hidden])') === null
    group.open = words.length > 0 || wasOpen.get(group)
  }
})
