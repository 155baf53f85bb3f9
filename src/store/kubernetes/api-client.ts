/** Requests to the API server: one pool of connections, a deadline for each answer, and no storm when it refuses. */
import http, { type IncomingMessage } from 'node:http'
import https from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import type { Access, Credentials } from './access.ts'
import { type ApiError, apiError } from './api-error.ts'
import { type Call, type RequestName, requestName } from './call.ts'

export interface ApiClientOptions {
  /** Milliseconds for a whole answer, or until a watch begins. */
  deadlineMs?: number
  /** Milliseconds after which credentials are read anew. */
  credentialsMs?: number
  /** Told of each request when it is over, or of a watch when it begins. */
  onRequest?: (request: EndedRequest) => void
}

export interface EndedRequest extends RequestName {
  /** Of HTTP; undefined when no answer came. */
  status: number | undefined
  ms: number
}

/** How often a call is sent anew because the server asked to wait (429, or 5xx with Retry-After). */
const patience = 3
/** Milliseconds: a server that asks for more is asked again after this. */
const longestWait = 30_000

/** On an answer without end nothing came for too long: there was nothing to tell, or the connection is dead. */
export class SilentAnswer extends Error {
  override readonly name = 'SilentAnswer'
}

export class ApiClient {
  readonly #access: Access
  readonly #agent: http.Agent | https.Agent
  readonly #send: typeof https.request
  readonly #deadlineMs: number
  readonly #credentialsMs: number
  readonly #onRequest: ApiClientOptions['onRequest']
  #credentials: { value: Promise<Credentials>; readAt: number } | undefined
  /** As they were read last; undefined once the server took them no more. */
  #lastRead: Credentials | undefined

  constructor(
    access: Access,
    { deadlineMs = 10_000, credentialsMs = 60_000, onRequest }: ApiClientOptions = {},
  ) {
    this.#access = access
    this.#deadlineMs = deadlineMs
    this.#credentialsMs = credentialsMs
    this.#onRequest = onRequest
    const { Agent, request } = access.server.startsWith('https:') ? https : http
    // The kernel finds a peer that is gone about 40 s after it went silent, on connections that only listen too.
    this.#agent = new Agent({
      keepAlive: true,
      keepAliveInitialDelay: 30_000,
      // As many as are at work at a time: a new connection costs both sides more than most requests.
      maxFreeSockets: 16,
    } as http.AgentOptions)
    this.#send = request as typeof https.request
  }

  /** What the server answers. Rejects with an ApiError where it refuses. */
  async json<T>(call: Call): Promise<T> {
    return JSON.parse(await this.#patiently(call, (response) => text(response))) as T
  }

  /**
   * Lines of an answer without end, as they come; resolves when it begins. Ends when the server ends it; fails when nothing
   * comes for `idleMs` milliseconds, with SilentAnswer, or the signal aborts.
   */
  async lines(call: Call, idleMs: number): Promise<AsyncGenerator<string>> {
    return linesOf(await this.#patiently(call, async (answer) => answer), call, idleMs)
  }

  /** Ends connections that nobody uses. */
  close(): void {
    this.#agent.destroy()
  }

  /** Sends a call until the server no longer asks to wait; a token that it does not take is read anew once. */
  async #patiently<T>(call: Call, read: (response: IncomingMessage) => Promise<T>): Promise<T> {
    let renewed = false
    for (let tries = 1; ; tries++) {
      const credentials = await this.#currentCredentials()
      const answer = await this.#once(call, credentials, read)
      if ('value' in answer) return answer.value
      const { error } = answer
      if (error.status === 401 && !renewed) {
        renewed = true
        this.#credentials = undefined
        this.#lastRead = undefined
        const now = await this.#currentCredentials()
        if (now.headers.Authorization !== credentials.headers.Authorization) continue
      }
      const asksToWait = error.status === 429 || error.status >= 500
      if (!asksToWait || error.retryAfterMs === undefined || tries > patience) throw error
      // Jittered: all that were refused together must not come back together.
      const ms = Math.min(longestWait, error.retryAfterMs) * (1 + Math.random() / 2)
      await delay(ms, undefined, { signal: call.signal })
    }
  }

  async #once<T>(
    {
      method,
      path,
      query = {},
      body,
      contentType = 'application/json',
      accept = 'application/json',
      deadlineMs = this.#deadlineMs,
      signal,
    }: Call,
    { tls, headers }: Credentials,
    read: (response: IncomingMessage) => Promise<T>,
  ): Promise<{ value: T } | { error: ApiError }> {
    signal?.throwIfAborted()
    const url = new URL(this.#access.server + path)
    for (const [key, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(key, value)
    // Nobody reads the warnings about unknown fields: without them a status costs the API server a seventh less.
    if (body && query.fieldValidation === undefined) url.searchParams.set('fieldValidation', 'Ignore')
    const content = body && Buffer.from(JSON.stringify(body))
    const answer = Promise.withResolvers<IncomingMessage>()
    const request = this.#send(url, {
      ...tls,
      method,
      agent: this.#agent,
      headers: {
        ...headers,
        Accept: accept,
        'User-Agent': 'patchbay',
        ...(content && { 'Content-Type': contentType, 'Content-Length': content.length }),
      },
    })
    request.on('response', answer.resolve)
    request.on('error', answer.reject)
    const late = setTimeout(() => {
      request.destroy(new Error(`${method} ${path}: no answer within ${deadlineMs} ms`))
      this.#dropIdle()
    }, deadlineMs)
    const abort = () => request.destroy(reasonOf(signal))
    signal?.addEventListener('abort', abort, { once: true })
    const begun = performance.now()
    const tell = (status: number | undefined) => {
      const ms = performance.now() - begun
      this.#onRequest?.({ ...requestName({ method, path, query, contentType }), status, ms })
    }
    request.end(content)
    try {
      const response = await answer.promise
      const status = response.statusCode!
      if (status < 300) {
        const value = await read(response)
        tell(status)
        return { value }
      }
      const error = apiError(
        `${method} ${path}`,
        status,
        await text(response),
        response.headers['retry-after'],
      )
      tell(status)
      return { error }
    } catch (error) {
      if (!signal?.aborted) tell(undefined)
      throw error
    } finally {
      clearTimeout(late)
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Where one connection turned out to be dead, those that rest may be as well. */
  #dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets))
      for (const socket of sockets ?? []) socket.destroy()
  }

  #currentCredentials(): Promise<Credentials> {
    const now = performance.now()
    if (!this.#credentials || now - this.#credentials.readAt > this.#credentialsMs) {
      const value = this.#readCredentials()
      this.#credentials = { value, readAt: now }
      // A file that cannot be read now is looked at again by the next call.
      value.catch(() => {
        if (this.#credentials?.value === value) this.#credentials = undefined
      })
    }
    return this.#credentials.value
  }

  /** What cannot be read now, as a file or a plugin that is being replaced, stands as it was read last. */
  async #readCredentials(): Promise<Credentials> {
    try {
      this.#lastRead = await this.#access.credentials()
      return this.#lastRead
    } catch (error) {
      if (this.#lastRead) return this.#lastRead
      throw error
    }
  }
}

async function* linesOf(
  response: IncomingMessage,
  { path, signal }: Call,
  idleMs: number,
): AsyncGenerator<string> {
  const abort = () => response.destroy(reasonOf(signal))
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const silent = () => response.destroy(new SilentAnswer(`${path}: nothing came for ${idleMs} ms`))
  const watchdog = setTimeout(silent, idleMs)
  try {
    let rest = ''
    response.setEncoding('utf8')
    for await (const chunk of response) {
      watchdog.refresh()
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      yield* lines
    }
  } finally {
    clearTimeout(watchdog)
    signal?.removeEventListener('abort', abort)
    response.destroy()
  }
}

function reasonOf(signal: AbortSignal | undefined): Error {
  return signal?.reason instanceof Error ? signal.reason : new Error('aborted')
}
