/** Elements in few words, and never from text: what the API answers is data, not HTML. */

/** An element: `el("button.plain", { type: "button", onclick }, "Run")`. Properties that begin with `on` are listeners,
 * `hidden` and other properties of the element are set, names with a dash become attributes. */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.')
  const element = document.createElement(name)
  element.classList.add(...classes)
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value)
    } else if (key.includes('-') || !(key in element)) {
      element.setAttribute(key, value)
    } else {
      element[key] = value
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ''))
  return element
}

/** The element of the page with an id. */
export function byId(id) {
  return document.getElementById(id)
}

/** A description with its `code` marked. */
export function prose(text) {
  const fragment = document.createDocumentFragment()
  for (const [index, part] of (text ?? '').split('`').entries()) {
    fragment.append(index % 2 ? el('code', {}, part) : part)
  }
  return fragment
}
