/** What somebody may have meant. */

/** ` Did you mean …?`, or nothing when no word is near. */
export function suggestion(word, known) {
  const near = known
    .map((name) => ({ name, distance: distance(word.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(Math.max(word.length, name.length) * 0.4)))
    .sort((one, other) => one.distance - other.distance)
  return near.length ? ` Did you mean \`${near[0].name}\`?` : ''
}

/** How many letters must be put, taken or changed to make one word the other. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i += 1) {
    const above = row
    row = [i]
    for (let j = 1; j <= other.length; j += 1) {
      const change = above[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1)
      row.push(Math.min(change, above[j] + 1, row[j - 1] + 1))
    }
  }
  return row[other.length]
}

/** How well typed letters match a word; lower is better, null when they do not: its beginning, a later word of
 * camelCase or SNAKE_CASE, anywhere inside, then in order with gaps. */
export function rank(typed, word) {
  const [small, whole] = [typed.toLowerCase(), word.toLowerCase()]
  if (whole.startsWith(small)) {
    return small.length === whole.length ? 0 : 1
  }
  const at = whole.indexOf(small)
  if (at > 0) {
    return /[A-Z]/.test(word[at]) || word[at - 1] === '_' ? 2 : 3
  }
  let position = -1
  for (const letter of small) {
    position = whole.indexOf(letter, position + 1)
    if (position < 0) {
      return null
    }
  }
  return 4
}
