/** The firewall rules of a running network stay in force while libvirt makes them again. */
import type { Logger } from 'pino'
import type { NetworkDefinition } from '../../core/network/definition.ts'
import { interruptionOf } from '../../core/network/plan/interruption.ts'
import type { NetworkStep } from '../../core/network/steps.ts'
import { holdFirewall, releaseFirewall } from '../../host/firewall.ts'
import type { NetworkWork } from './work.ts'

/**
 * Holds them while `act` carries out the steps, if one of these makes them again. Without (no iptables, say) the steps are done all
 * the same, and guests miss what libvirt lets them miss.
 */
export async function withFirewallHeld(
  steps: readonly NetworkStep[],
  live: NetworkDefinition | undefined,
  { log, signal }: Pick<NetworkWork, 'log' | 'signal'>,
  act: () => Promise<void>,
): Promise<void> {
  const bridge = live?.settings.bridge?.name
  const updates = steps.flatMap((step) => (step.action === 'Update' ? [step.change] : []))
  if (!live || bridge === undefined || !interruptionOf(updates, live).firewall) return act()
  await warned(log, () => holdFirewall(bridge, signal))
  try {
    await act()
  } finally {
    // Also when the agent is told to stop.
    await warned(log, () => releaseFirewall(bridge, new AbortController().signal))
  }
}

/** What an agent held that was killed in the middle of it. */
export async function releaseLeftFirewall({
  log,
  signal,
}: Pick<NetworkWork, 'log' | 'signal'>): Promise<void> {
  await warned(log, () => releaseFirewall(undefined, signal))
}

async function warned(log: Logger, change: () => Promise<void>): Promise<void> {
  try {
    await change()
  } catch (err) {
    log.warn({ err }, 'cannot change the firewall of the host')
  }
}
