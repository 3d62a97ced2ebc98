// What an answer can say besides its data, and a request that knows what to do about it.

import type { TypedDocumentString } from './generated/graphql.js'

/** Every code that an error of the API has. */
export type Code =
  | 'BAD_USER_INPUT' // correct the argument that `argument` names
  | 'NOT_FOUND' // it does not exist, or is somebody else's
  | 'UNAUTHENTICATED' // sign in, or sign in again
  | 'RATE_LIMITED' // wait for `retryAfterSeconds`
  | 'QUERY_TOO_COSTLY' // ask for fewer items, or for less of each
  | 'GRAPHQL_PARSE_FAILED' // the document is no GraphQL
  | 'GRAPHQL_VALIDATION_FAILED' // it does not fit the schema: generate the types again
  | 'PERSISTED_QUERY_NOT_FOUND' // send the document along with its hash
  | 'DOCUMENT_NOT_TRUSTED' // this deployment answers only documents that it knows
  | 'PAYLOAD_TOO_LARGE' // the request, or the file in it, is too large
  | 'REQUEST_TIMEOUT' // the request came too slowly: send it again
  | 'CSRF_BLOCKED' // a GET or a form needs a header that another site cannot send
  | 'NOT_ACCEPTABLE' // accept JSON, or a stream for a subscription
  | 'UNSUPPORTED_MEDIA_TYPE' // send JSON
  | 'METHOD_NOT_ALLOWED' // a mutation is a POST
  | 'INTERNAL' // tell the operator the `id`

export interface Problem {
  message: string
  path?: (string | number)[]
  extensions: { code: Code, argument?: string, id?: string, retryAfterSeconds?: number }
}

/** A field that is null because the plan of whoever asks does not include it. */
export interface Gate {
  path: string[]
  requiredTier: string
  upgradeUrl: string
}

export interface Result<Data> {
  data?: Data | null
  errors?: Problem[]
  extensions?: { gatedFields?: Gate[] }
}

/** The gate before a field, or before what it stands in: `gateOf(result, ['matches', 'nodes', 3, 'forecast'])`. */
export function gateOf(result: Result<unknown>, path: (string | number)[]): Gate | undefined {
  const names = path.filter((step) => typeof step === 'string')
  return result.extensions?.gatedFields?.find((gate) => gate.path.every((name, place) => name === names[place]))
}

/** Whether a field is null because of the plan, and not because nothing is known. */
export function isGated(result: Result<unknown>, path: (string | number)[]): boolean {
  return gateOf(result, path) !== undefined
}

/** An operation that gave no data, and why. */
export class Refused extends Error {
  constructor(readonly problems: Problem[]) {
    super(problems.map(({ message }) => message).join('\n'))
  }

  has(code: Code): boolean {
    return this.problems.some(({ extensions }) => extensions.code === code)
  }

  /** Seconds until it may be asked again; null when waiting would change nothing. */
  get wait(): number | null {
    const limited = this.problems.find(({ extensions }) => extensions.code === 'RATE_LIMITED')
    return limited ? limited.extensions.retryAfterSeconds ?? 1 : null
  }
}

/** The answer to an operation, asked again once it may be; raises Refused when there is no data. */
export async function ask<Data, Variables>(
  url: string,
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  token?: string,
): Promise<Result<Data>> {
  const headers: Record<string, string> = { 'content-type': 'application/json', accept: 'application/json' }
  if (token) headers.authorization = `Bearer ${token}`
  const body = JSON.stringify({ query: document.toString(), variables })
  for (;;) {
    const answer = await fetch(url, { method: 'POST', headers, body })
    const result = await answer.json() as Result<Data>
    if (result.data) return result
    const refused = new Refused(result.errors ?? [])
    if (refused.wait === null) throw refused
    await new Promise((resolve) => setTimeout(resolve, 1000 * refused.wait!))
  }
}
