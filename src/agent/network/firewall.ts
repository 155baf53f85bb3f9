/** The firewall rules of a running network stay in force while libvirt makes them again. */
import type { Logger } from 'pino'
import type { NetworkDefinition } from '../../core/network/definition.ts'
import { interruptionOf } from '../../core/network/plan/interruption.ts'
import type { NetworkStep } from '../../core/network/steps.ts'
import { holdFirewall, releaseFirewall } from '../../host/firewall.ts'
import type { NetworkWork } from './work.ts'

export class FirewallHold {
  /** What an agent held that was killed in the middle of it is taken away once. */
  #fromBefore: Promise<unknown> | undefined
  /** Bridges whose rules are held though nobody needs that any more: they could not be taken away. */
  readonly #left = new Set<string>()

  async releaseLeft({ log, signal }: Pass): Promise<void> {
    this.#fromBefore ??= warned(log, () => releaseFirewall(undefined, signal))
    await this.#fromBefore
    for (const bridge of this.#left) {
      if (await warned(log, () => releaseFirewall(bridge, signal))) this.#left.delete(bridge)
    }
  }

  /**
   * Holds them while `act` carries out the steps, if one of these makes them again. Without (no iptables, say) the steps are done all
   * the same, and guests miss what libvirt lets them miss.
   */
  async during(
    steps: readonly NetworkStep[],
    live: NetworkDefinition | undefined,
    { log, signal }: Pass,
    act: () => Promise<void>,
  ): Promise<void> {
    const bridge = live?.settings.bridge?.name
    const updates = steps.flatMap((step) => (step.action === 'Update' ? [step.change] : []))
    if (!live || bridge === undefined || !interruptionOf(updates, live).firewall) return act()
    const held = await warned(log, () => holdFirewall(bridge, signal))
    try {
      await act()
    } finally {
      // Also when the agent is told to stop.
      const released = await warned(log, () => releaseFirewall(bridge, new AbortController().signal))
      if (held && !released) this.#left.add(bridge)
    }
  }
}

type Pass = Pick<NetworkWork, 'log' | 'signal'>

/** Says whether it was changed. */
async function warned(log: Logger, change: () => Promise<void>): Promise<boolean> {
  try {
    await change()
    return true
  } catch (err) {
    log.warn({ err }, 'cannot change the firewall of the host')
    return false
  }
}
