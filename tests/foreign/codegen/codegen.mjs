// Types of the saved operations; the schema and the operations lie beside this file.

export default {
  schema: 'schema.graphql',
  documents: 'operations.graphql',
  generates: {
    'generated/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        strictScalars: true,
        scalars: { BigInt: 'number', Date: 'string', DateTime: 'string', Decimal: 'string', JSON: 'unknown' },
        useTypeImports: true,
      },
    },
  },
  emitLegacyCommonJSImports: false,
}
