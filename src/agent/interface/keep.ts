/** Keeps an interface as its manifest says: the way from the guest to a NIC in sync, stage by stage. */
import { namespaceOf } from '../../core/identity.ts'
import { notOwned } from '../../core/ownership.ts'
import { type Resolved, resolve } from '../../core/resolve.ts'
import { done, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Context } from '../context.ts'
import { gather } from './gather.ts'
import { readHostFacts } from './host-facts.ts'
import { definitionOf } from './plan.ts'
import { ASK_AGAIN_MS, unplug } from './remove.ts'
import { settlePort } from './settle-port.ts'
import { bringInSync } from './sync.ts'
import type { Work } from './work.ts'

export async function keep(context: Context, work: Work): Promise<Outcome> {
  const { resource, report, signal } = work
  if (resource.spec.hostName && resource.spec.hostName !== context.host.name) return leave(context, work)
  const observed = await gather(context, resource, signal)
  if (!observed) return guestNotFound(work)
  const { guest } = observed
  report.facts.guestUUID = guest.ref.uuid
  report.facts.guestState = guest.running ? 'Running' : 'Off'
  const refusal = notOwned(guest.ref, namespaceOf(resource), context.host, context.store.list('GuestGrant'))
  if (refusal) {
    report.stopped('Bound', refusal.reason, refusal.message)
    return done
  }
  report.reached('Bound', 'GuestFound', `Guest ${guest.ref.name} is on host ${context.host.name}`)

  const resolved = resolve({
    guestInterface: resource,
    guestUUID: guest.ref.uuid,
    networks: context.store.list('Network'),
    portGroups: context.store.list('PortGroup'),
    host: context.host,
    facts: await readHostFacts(context, resource, guest, signal),
  })
  if ('refusals' in resolved) {
    const [first] = resolved.refusals
    // It can take no device as it is: it must not keep one from those behind it.
    delete report.facts.waitingSince
    report.stopped(
      'Resolved',
      first?.reason ?? 'SettingNotSupported',
      resolved.refusals.map(({ message }) => message).join('\n'),
    )
    return done
  }
  report.facts.effective = resolved.effective
  report.facts.sources = resolved.sources
  report.facts.mac = resolved.effective.mac
  report.reached('Resolved', 'Resolved', unusedText(resolved))

  const port = await settlePort(context, work, resolved, observed)
  if (!port) return done
  const outcome = await bringInSync(context, work, observed, definitionOf(resource, resolved, port))
  return outcome ?? guestNotFound(work)
}

/** Pinned to another host: what it has here is let go. */
async function leave(context: Context, work: Work): Promise<Outcome> {
  const { resource, report } = work
  const held = await unplug(context, work)
  if (held) {
    report.stopped('Bound', 'GuestNotReleasing', held)
    return requeueAfter(ASK_AGAIN_MS)
  }
  delete report.facts.port
  delete report.facts.waitingSince
  report.stopped(
    'Bound',
    'PinnedElsewhere',
    `spec.hostName pins it to host ${resource.spec.hostName}; this is ${context.host.name}`,
  )
  if (resource.status?.port) context.wake(context.wakes.ofPort())
  return done
}

function guestNotFound({ resource, report }: Work): Outcome {
  const { name, uuid } = resource.spec.guest
  delete report.facts.waitingSince
  report.facts.guestState = 'NotFound'
  report.stopped(
    'Bound',
    'GuestNotFound',
    `No guest ${name ?? uuid} on this host. Define it, or correct spec.guest`,
  )
  return done
}

function unusedText({ unused }: Resolved): string {
  return unused.length > 0 ? `Given but not in effect here: ${unused.join(', ')}` : ''
}
