/** What an interface is to become on this host: from its guest to the definition that it shall have, stage by stage. */
import type { GuestInterface } from '../../api/guest-interface.ts'
import type { EffectiveDefinition } from '../../core/definition.ts'
import { namespaceOf } from '../../core/identity.ts'
import { notOwnedStandalone } from '../../core/ownership.ts'
import { type Resolved, resolve } from '../../core/resolve/resolve.ts'
import type { KeptIDs } from '../../core/resolve/virtual-port.ts'
import type { Context } from '../context.ts'
import { gather, type Observed } from './gather.ts'
import { readHostFacts } from './host-facts.ts'
import { keptNetwork } from './kept-network.ts'
import { definitionOf } from './plan.ts'
import { settlePort } from './settle-port.ts'
import type { Work } from './work.ts'

/** Its port is settled by then, and nothing else done. undefined when it has come no further than the report says. */
export async function targetOf(
  context: Context,
  work: Work,
): Promise<{ observed: Observed; effective: EffectiveDefinition } | undefined> {
  const { resource, report, signal } = work
  const observed = await gather(context, resource, signal, { adopts: true })
  if (!observed) {
    sayGuestNotFound(work)
    return undefined
  }
  const { guest } = observed
  report.facts.guestUUID = guest.ref.uuid
  report.facts.guestState = guest.running ? 'Running' : 'Off'
  // In a cluster the controller has asked the grants before it bound the guest.
  const refusal =
    context.binding === 'grants' &&
    notOwnedStandalone(guest.ref, namespaceOf(resource), context.host, context.store.list('GuestGrant'))
  if (refusal) {
    report.refused('Bound', [refusal])
    return undefined
  }
  if (observed.conflict) {
    report.refused('Bound', [observed.conflict])
    return undefined
  }
  report.reached('Bound', 'GuestFound', `Guest ${guest.ref.name} is on host ${context.host.name}`)

  const resolved = resolve({
    guestInterface: resource,
    guestUUID: guest.ref.uuid,
    networks: context.store.list('Network'),
    portGroups: context.store.list('PortGroup'),
    host: context.host,
    facts: await readHostFacts(context, resource, guest, signal),
    ...(observed.adopted && { keptIDs: keptIDs(resource, observed) }),
  })
  if ('refusals' in resolved) {
    // It can take no device as it is: it must not keep one from those behind it.
    delete report.facts.waitingSince
    report.refused('Resolved', resolved.refusals)
    return undefined
  }
  report.facts.effective = resolved.effective
  report.facts.sources = resolved.sources
  report.facts.mac = resolved.effective.mac
  report.reached('Resolved', 'Resolved', unusedText(resolved))

  const kept = await keptNetwork(context, work, resolved, observed)
  if (kept && 'refusal' in kept) {
    report.refused('PortAllocated', [kept.refusal])
    return undefined
  }
  const port = await settlePort(context, work, resolved, observed, kept)
  return port && { observed, effective: definitionOf(resource, resolved, port, kept) }
}

/** Nobody who makes ids up for an interface makes them up anew: they are those of the running guest, or as they were last seen. */
function keptIDs({ status }: GuestInterface, { live, saved }: Observed): KeptIDs {
  const seen = [live?.definition.settings, saved?.definition.settings, status?.effective]
  const [instanceID] = seen.flatMap((settings) => settings?.virtualPort?.instanceID ?? [])
  const [interfaceID] = seen.flatMap((settings) => settings?.virtualPort?.interfaceID ?? [])
  return { instanceID, interfaceID }
}

/** The host that it is to be on, where that is another one: in a cluster the controller says so, pins included. */
export function otherHost({ spec, status }: GuestInterface, { binding, host }: Context): string | undefined {
  const wanted = binding === 'controller' ? status?.nextHostName : spec.hostName
  return wanted === host.name ? undefined : wanted
}

export function sayGuestNotFound({ resource, report }: Work): void {
  const { name, uuid } = resource.spec.guest
  delete report.facts.waitingSince
  report.facts.guestState = 'NotFound'
  const message = `No guest ${name ?? uuid} on this host. Define it, or correct spec.guest`
  report.refused('Bound', [{ reason: 'GuestNotFound', field: 'guest', message }])
}

function unusedText({ unused }: Resolved): string {
  return unused.length > 0 ? `Given but not in effect here: ${unused.join(', ')}` : ''
}
