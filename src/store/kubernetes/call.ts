/** What is asked of the API server, and what that is called in measurements: few names, whatever the objects are called. */

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the root of the API server. */
  path: string
  query?: Record<string, string | undefined>
  body?: object
  /** Of the body; default application/json. */
  contentType?: string
  /** What the answer is to be; default application/json. */
  accept?: string
  /** Milliseconds for its answer; default that of the client. */
  deadlineMs?: number
  signal?: AbortSignal
}

export interface RequestName {
  /** As RBAC has them; an apply is told from other patches. */
  verb: string
  /** `guestinterfaces`, `guestinterfaces/status`; empty for what is no resource. */
  resource: string
}

const writes = { POST: 'create', PUT: 'update', DELETE: 'delete' } as const

export function requestName({ method, path, query, contentType }: Call): RequestName {
  const {
    resource = '',
    name,
    part,
  } = /^\/(?:api|apis\/[^/]+)\/[^/]+\/(?:namespaces\/[^/]+\/(?=.))?(?<resource>[^/]+)(?:\/(?<name>[^/]+)(?:\/(?<part>[^/]+))?)?$/.exec(
    path,
  )?.groups ?? {}
  const what = part === undefined ? resource : `${resource}/${part}`
  if (method === 'PATCH') {
    return { verb: contentType?.startsWith('application/apply-patch') ? 'apply' : 'patch', resource: what }
  }
  if (method !== 'GET') return { verb: writes[method], resource: what }
  const verb = query?.watch === 'true' ? 'watch' : name === undefined ? 'list' : 'get'
  return { verb, resource: what }
}
