/** The modes of the host's macvtaps, which only netlink tells: remembered, because asking costs a process. */
import type { Link } from '../core/link.ts'
import { readMacvtapModes } from './links.ts'

/**
 * A link's index names it for its whole life, and neither libvirt nor we ever change a macvtap's mode; somebody else can
 * (`ip link set ... type macvtap mode`), so `refresh` belongs into every resync.
 */
export class MacvtapModes {
  #modes = new Map<number, Link['mode']>()
  #reading: Promise<void> | undefined

  /** The mode of the macvtap with this index, asked of the kernel when it isn't known yet; undefined when there is no such macvtap. */
  async of(index: number, signal: AbortSignal): Promise<Link['mode'] | undefined> {
    // A read that has begun already may miss a link that is new; the next one is shared by all who wait for it.
    if (!this.#modes.has(index) && this.#reading) await this.#reading.catch(() => {})
    if (!this.#modes.has(index)) {
      this.#reading ??= this.refresh(signal).finally(() => {
        this.#reading = undefined
      })
      await this.#reading
    }
    return this.#modes.get(index)
  }

  /** Reads all modes afresh and forgets those of links that are gone. */
  async refresh(signal: AbortSignal): Promise<void> {
    this.#modes = await readMacvtapModes(signal)
  }
}
