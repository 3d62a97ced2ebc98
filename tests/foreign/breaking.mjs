// Of pairs of schemas, the changes from the first to the second, and those of them that break a client: JSON in and out.
// To remove what was deprecated breaks nobody who was told.

import { readFileSync } from 'node:fs'

import { CriticalityLevel, diff, DiffRule } from '@graphql-inspector/core'
import { buildSchema } from 'graphql'

/** What the library's own rule does for fields, values and input fields, for arguments. */
function deprecatedArgument({ changes, oldSchema }) {
  return changes.map((change) => {
    if (change.type !== 'FIELD_ARGUMENT_REMOVED') return change
    const [owner, field, argument] = change.path.split('.')
    const before = oldSchema.getType(owner).getFields()[field].args.find(({ name }) => name === argument)
    if (!before.deprecationReason) return change
    return { ...change, criticality: { ...change.criticality, level: CriticalityLevel.Dangerous } }
  })
}

async function compared([before, after]) {
  const rules = [DiffRule.suppressRemovalOfDeprecatedField, deprecatedArgument]
  const changes = await diff(buildSchema(before), buildSchema(after), rules)
  const breaking = changes.filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
  return { changes: changes.length, breaking: breaking.map(({ path, message }) => ({ path, message })) }
}

const pairs = JSON.parse(readFileSync(0, 'utf8'))
console.log(JSON.stringify(await Promise.all(pairs.map(compared))))
