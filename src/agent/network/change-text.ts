/** What status says of a network that libvirt makes: before it is touched, after, and while it waits for a person. */
import type { Network } from '../../api/network.ts'
import type { NetworkDefinition } from '../../core/network/definition.ts'
import { interruptionOf } from '../../core/network/plan/interruption.ts'
import type { NetworkStep, NetworkStepsPlan } from '../../core/network/steps.ts'

/** Of one that was changed before, what its last change cost stays to be read. */
export function inForceText({ metadata, status }: Network, hostName: string): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  const stands =
    ready?.status === 'True' &&
    ready.reason === 'InSync' &&
    ready.observedGeneration === (metadata.generation ?? 0)
  return stands ? ready.message : `In force on host ${hostName}`
}

/** Before: `live` as the updates find it. */
export function changingText(steps: readonly NetworkStep[], live: NetworkDefinition | undefined): string {
  return `About to change: ${changesText(steps, live)}`
}

export function changedText(
  hostName: string,
  steps: readonly NetworkStep[],
  live: NetworkDefinition | undefined,
): string {
  return `In force on host ${hostName}. Last change: ${changesText(steps, live)}`
}

function changesText(steps: readonly NetworkStep[], live: NetworkDefinition | undefined): string {
  const has = (action: NetworkStep['action']) => steps.some((step) => step.action === action)
  const changes = steps.flatMap((step) => (step.action === 'Update' ? [step.change] : []))
  const updates =
    live && changes.length > 0
      ? [`${counted(changes.length, 'live update')} (${interruptionOf(changes, live).message})`]
      : []
  const restart = has('Stop') && has('Start')
  return [
    ...updates,
    ...(has('Define') ? ['saved definition'] : []),
    ...(has('Mark') ? ['mark in its metadata'] : []),
    ...(has('Autostart') ? ['autostart'] : []),
    ...(restart ? ['restart (its guests are cut off until their taps are back on the bridge)'] : []),
    ...(has('Start') && !restart ? ['start'] : []),
  ].join('; ')
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}

/** Every field that takes a restart, and what to do. */
export function restartText({ differences }: NetworkStepsPlan): string {
  return differences
    .map(({ field, observed, effective, verdict, reason }) => {
      const change = `${field}: ${observed || '(none)'} -> ${effective || '(none)'}`
      return verdict === 'Refused' ? `${change}: ${reason}` : `${change}: changed with the rest`
    })
    .join('\n')
}
