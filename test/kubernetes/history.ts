/** Every state of a GuestInterface that the API server served, in order: what nobody sees who asks now and then. */
import { Watch } from '@kubernetes/client-node'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import type { Access } from '../cluster/access.ts'

export class History {
  readonly states: GuestInterface[] = []
  readonly #watch: Watch
  readonly #path: string
  readonly #name: string
  #running: AbortController | undefined
  #ended = false

  private constructor(access: Access, namespace: string, name: string) {
    this.#watch = new Watch(access.config)
    this.#path = `/apis/patchbay.dev/v1alpha1/namespaces/${namespace}/guestinterfaces`
    this.#name = name
  }

  /** Of the object as it is now, and from then on. */
  static async of(access: Access, name: string, namespace = 'default'): Promise<History> {
    const history = new History(access, namespace, name)
    await history.#follow()
    return history
  }

  stop(): void {
    this.#ended = true
    this.#running?.abort()
  }

  /**
   * Who was in charge of what, one line for each change of it: `abc, to def: holds ovsbr0 of abc`. From the `from`-th state on.
   */
  steps(from = 0): string[] {
    const lines = this.states.slice(from).map(({ status = {} }) => {
      const { hostName = 'nobody', nextHostName, port } = status
      const next = nextHostName === undefined ? '' : `, to ${nextHostName}`
      return `${hostName}${next}: holds ${port ? `${port.name} of ${port.hostName}` : 'nothing'}`
    })
    return lines.filter((line, n) => line !== lines[n - 1])
  }

  /** A watch of client-node ends after 30 s in which nothing came, and goes on from the last version then. */
  async #follow(): Promise<void> {
    const last = this.states.at(-1)?.metadata.resourceVersion
    const query = { fieldSelector: `metadata.name=${this.#name}`, ...(last && { resourceVersion: last }) }
    this.#running = await this.#watch.watch(
      this.#path,
      query,
      (_, object: GuestInterface) => {
        this.states.push(object)
      },
      () => {
        if (!this.#ended) void this.#follow()
      },
    )
  }
}
