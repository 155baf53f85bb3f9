/** Watches GuestInterfaces as a user's tool does, and says when each was Ready. */
import type { GuestInterface } from '../src/api/guest-interface.ts'
import { isReady } from '../src/core/interface-status.ts'
import type { ApiClient } from '../src/store/kubernetes/api-client.ts'
import { Reflector } from '../src/store/kubernetes/reflector.ts'
import { collectionPath } from '../src/store/kubernetes/resource-path.ts'

/** Milliseconds: what takes longer never comes, and the benchmark ends. */
const patienceMs = 60_000

interface Seen {
  generation: number
  /** ms of performance.now() */
  at: number
  readyAt: number | undefined
}

export class ReadyWatch {
  readonly #seen = new Map<string, Seen>()
  readonly #waiting = new Map<string, { generation: number; done: (at: number) => void }>()
  readonly #ending = new AbortController()
  readonly #last = new Map<string, GuestInterface>()

  /** Of all that are there. */
  static async start(client: ApiClient): Promise<ReadyWatch> {
    const watch = new ReadyWatch()
    const take = (object: GuestInterface) => watch.#take(object, performance.now())
    const log = { info() {}, error() {}, warn: (fields: object) => console.log(fields) }
    // The API server ends a watch that takes too long to read what it is told.
    const reflector = new Reflector({
      client,
      path: collectionPath('GuestInterface'),
      picture: { replace: (objects) => objects.forEach(take), put: take, remove() {} },
      keep: (received) => received as GuestInterface,
      log,
    })
    void reflector.run(watch.#ending.signal)
    await reflector.complete
    return watch
  }

  /** When this generation of it was Ready, in ms of performance.now(). */
  ready(name: string, generation: number): Promise<number> {
    const seen = this.#seen.get(name)
    if (seen?.generation === generation && seen.readyAt !== undefined) return Promise.resolve(seen.readyAt)
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        const said = JSON.stringify(this.#last.get(name)?.status?.conditions)
        reject(new Error(`${name} is not Ready after ${patienceMs / 1_000} s: ${said}`))
      }, patienceMs)
      const done = (at: number) => {
        clearTimeout(late)
        resolve(at)
      }
      this.#waiting.set(name, { generation, done })
    })
  }

  /** When this generation of it was told first. */
  seenAt(name: string, generation: number): number {
    const seen = this.#seen.get(name)
    return seen?.generation === generation ? seen.at : Number.NaN
  }

  stop(): void {
    this.#ending.abort()
  }

  #take(object: GuestInterface, at: number): void {
    const { metadata, status } = object
    const { name, generation = 0 } = metadata
    this.#last.set(name, object)
    let seen = this.#seen.get(name)
    if (seen?.generation !== generation) {
      seen = { generation, at, readyAt: undefined }
      this.#seen.set(name, seen)
    }
    if (status?.observedGeneration !== generation || !isReady(status.conditions)) return
    seen.readyAt ??= at
    const waiting = this.#waiting.get(name)
    if (waiting?.generation !== generation) return
    this.#waiting.delete(name)
    waiting.done(at)
  }
}
