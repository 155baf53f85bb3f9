/** Uses by the device that they are of, so that choosing a port looks at its pool and not at everything on the host. */
import type { Use } from './ledger.ts'

const none: Use[] = []

export class UsesByDevice {
  readonly #onDevice = new Map<string, Use[]>()
  readonly #devicesOf = new Map<string, Set<string>>()

  constructor(uses: Iterable<Use> = []) {
    for (const use of uses) this.add(use)
  }

  add(use: Use): void {
    const there = this.#onDevice.get(use.device)
    if (there) there.push(use)
    else this.#onDevice.set(use.device, [use])
    const { kind, name } = use.holder
    if (kind !== 'interface') return
    const devices = this.#devicesOf.get(name)
    if (devices) devices.add(use.device)
    else this.#devicesOf.set(name, new Set([use.device]))
  }

  on(device: string): Use[] {
    return this.#onDevice.get(device) ?? none
  }

  /** Whether an interface of ours (namespace/name) holds the device. */
  holds(name: string, device: string): boolean {
    return this.#devicesOf.get(name)?.has(device) ?? false
  }
}
