// Rules for the schema: what graphql-eslint recommends, and what Relay expects.

import { configs, parser, rules } from '@graphql-eslint/eslint-plugin'

export default [{
  files: ['**/*.graphql'],
  languageOptions: { parser },
  plugins: { '@graphql-eslint': { rules } },
  rules: {
    ...configs['flat/schema-recommended'].rules,
    ...configs['flat/schema-relay'].rules,
    // Not everything is an object with a life of its own: Relay needs an `id` of what implements Node.
    '@graphql-eslint/strict-id-in-types': 'off',
    // `nodes` and plain lists stand beside the edges, and a row of the leaderboard is no object of its own.
    '@graphql-eslint/relay-edge-types': ['error', { listTypeCanWrapOnlyEdgeType: false, shouldImplementNode: false }],
    // `@oneOf` belongs to the language and is printed without a description.
    '@graphql-eslint/require-description': ['error', { types: true, rootField: true }],
  },
}]
