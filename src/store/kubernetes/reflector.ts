/**
 * Keeps a picture of the objects of one kind as the API server has them: lists them in pages, then watches from there.
 * Whatever breaks, the picture stands as it was last known, and is brought up to date once the server answers again.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { backOffMs } from '../../reconcile/back-off.ts'
import type { StoreLog } from '../store.ts'
import { type ApiClient, SilentAnswer } from './api-client.ts'
import { ApiError, apiError, isExpired, messageOf } from './api-error.ts'

/** The picture, of what is kept of each object; see KnownObjects. */
export interface Picture<T> {
  /** All there are; what isn't among them is no longer there. */
  replace(objects: T[]): void
  put(object: T): void
  remove(object: T): void
}

/** An object as the API server sends it. In a list it need not say its kind. */
export interface Received {
  metadata: { resourceVersion: string }
}

export interface ReflectorTiming {
  /** Objects in a page. */
  page: number
  /** Milliseconds: a watch on which nothing comes, not even a bookmark (the server sends one a minute), is begun anew. */
  idleMs: number
  /** Seconds after which the server is to end a watch; spread up to twice as long. */
  watchSeconds: number
}

export const defaultTiming: ReflectorTiming = { page: 500, idleMs: 120_000, watchSeconds: 300 }

export interface ReflectorOptions<T> {
  client: ApiClient
  /** Of the collection. */
  path: string
  fieldSelector?: string
  /** Of objects of which nothing but metadata is asked for. */
  metadataOnly?: boolean
  picture: Picture<T>
  /** What is kept of an object, before a whole list of them is there. */
  keep: (received: Received) => T
  log: StoreLog
  timing?: Partial<ReflectorTiming>
  /** The server watches for us again after something failed. */
  onRecovered?: () => void
}

/** Milliseconds: a watch that ends sooner without having said anything did not work. */
const shortestWatch = 1_000

interface Page {
  metadata: { resourceVersion: string; continue?: string }
  /** null: none, where nothing but metadata is asked for. */
  items: Received[] | null
}

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  object: Received
}

export class Reflector<T> {
  readonly #options: ReflectorOptions<T>
  readonly #timing: ReflectorTiming
  readonly #complete = Promise.withResolvers<void>()
  /** From where to watch; undefined: what there is has to be listed. */
  #version: string | undefined
  #isFollowing = false
  /** In a row, without anything that a watch told in between: a list alone is no success. */
  #failures = 0

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#timing = { ...defaultTiming, ...options.timing }
  }

  /** Resolves when the first list is complete. */
  get complete(): Promise<void> {
    return this.#complete.promise
  }

  /** The server tells of every change, as far as we know. */
  get isFollowing(): boolean {
    return this.#isFollowing
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal)
        await this.#watch(signal)
      } catch (error) {
        if (signal.aborted) return
        // Nothing may have happened: a server that has nothing to tell need not send bookmarks either.
        if (error instanceof SilentAnswer) continue
        if (isExpired(error)) this.#version = undefined
        await delay(this.#failed(error), undefined, { signal }).catch(() => {})
      }
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, path, fieldSelector, picture, keep } = this.#options
    const objects: T[] = []
    let next: string | undefined
    let version: string
    do {
      const query = { fieldSelector, limit: String(this.#timing.page), continue: next }
      const page = await client.json<Page>({ method: 'GET', path, query, signal, ...this.#accept('List') })
      objects.push(...(page.items ?? []).map(keep))
      version = page.metadata.resourceVersion
      next = page.metadata.continue
    } while (next)
    picture.replace(objects)
    this.#version = version
    this.#complete.resolve()
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, path, fieldSelector } = this.#options
    const begun = performance.now()
    const seconds = Math.round(this.#timing.watchSeconds * (1 + Math.random()))
    const query = {
      watch: 'true',
      allowWatchBookmarks: 'true',
      fieldSelector,
      resourceVersion: this.#version,
      timeoutSeconds: String(seconds),
    }
    const lines = await client.lines(
      { method: 'GET', path, query, signal, ...this.#accept('') },
      this.#timing.idleMs,
    )
    if (this.#failures > 0) this.#options.onRecovered?.()
    this.#isFollowing = true
    for await (const line of lines) {
      this.#take(JSON.parse(line) as WatchEvent)
      this.#failures = 0
    }
    if (performance.now() - begun < shortestWatch) throw new Error(`${path}: a watch ended at once`)
    this.#failures = 0
  }

  #take({ type, object }: WatchEvent): void {
    const { picture, path, keep } = this.#options
    if (type === 'ERROR') {
      const { code = 500 } = object as unknown as { code?: number }
      throw apiError(`watch of ${path}`, code, JSON.stringify(object))
    }
    if (type === 'DELETED') picture.remove(keep(object))
    else if (type !== 'BOOKMARK') picture.put(keep(object))
    this.#version = object.metadata.resourceVersion
  }

  #accept(list: 'List' | ''): { accept?: string } {
    const metadata = `application/json;as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1`
    return this.#options.metadataOnly ? { accept: metadata } : {}
  }

  /** Says so once until it works again. Milliseconds until the next try. */
  #failed(error: unknown): number {
    this.#failures += 1
    this.#isFollowing = false
    const { log, path } = this.#options
    if (this.#failures === 1 && !isExpired(error)) {
      log.warn(
        { path, error: messageOf(error) },
        'cannot follow the API server, will try again; what was last known stands',
      )
    }
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0
    return Math.max(asked, backOffMs(this.#failures))
  }
}
