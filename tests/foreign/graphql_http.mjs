// The audits of graphql-http: what GraphQL over HTTP says that a server must, should and may do.

import { serverAudits } from 'graphql-http'

const [url] = process.argv.slice(2)
const found = []
for (const audit of serverAudits({ url, fetchFn: fetch })) {
  const { status, reason } = await audit.fn()
  found.push({ id: audit.id, name: audit.name, passed: status === 'ok', reason: reason ?? null })
}
console.log(JSON.stringify(found))
