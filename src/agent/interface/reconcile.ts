/** One pass over a GuestInterface: gather, plan, apply, verify, report. */
import type { Logger } from 'pino'
import type { GuestInterface } from '../../api/guest-interface.ts'
import { type ChangePlan, planChange } from '../../core/change-plan.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import { aliasOf } from '../../core/identity.ts'
import { keepsPort } from '../../core/pool.ts'
import { type Port, portFromStatus, portName, portToStatus } from '../../core/port.ts'
import { type Resolved, resolve } from '../../core/resolve.ts'
import { isLibvirtError } from '../../libvirt/rpc/error.ts'
import { done, failureSort, type Outcome, requeueAfter } from '../../reconcile/outcome.ts'
import type { Reconcile } from '../../reconcile/runner.ts'
import type { Key } from '../../store/store.ts'
import type { Context } from '../context.ts'
import { apply, GuestNotReleasing } from './apply.ts'
import { gather, type Observed } from './gather.ts'
import { readHostFacts } from './host-facts.ts'
import { plugObstacle } from './obstacle.ts'
import { ASK_AGAIN_MS, remove, unplug } from './remove.ts'
import { Report } from './report.ts'
import { verifyOnHost } from './verify.ts'

export type InterfaceKey = Key & { kind: 'GuestInterface' }

/** What one pass works on. */
export interface Work {
  key: InterfaceKey
  resource: GuestInterface
  report: Report
  log: Logger
  signal: AbortSignal
}

/** Milliseconds until a change that libvirt reported and the host doesn't show is looked at again. */
const LOOK_AGAIN_MS = 5_000

export function interfaceReconciler(context: Context): Reconcile<InterfaceKey> {
  return async (key, { log, signal }) => {
    const resource = context.store.get('GuestInterface', key.name, key.namespace)
    if (!resource) return done
    const report = new Report(resource, context.host.name)
    const work: Work = { key, resource, report, log, signal }
    try {
      if (resource.metadata.deletionTimestamp) return await remove(context, work)
      const outcome = await keep(context, work)
      sayRejection(context, work)
      await report.write(context.store)
      return outcome
    } catch (error) {
      sayFailure(report, error)
      await report.write(context.store)
      throw error
    }
  }
}

async function keep(context: Context, work: Work): Promise<Outcome> {
  const { resource, report, signal } = work
  if (resource.spec.hostName && resource.spec.hostName !== context.host.name) return leave(context, work)
  const observed = await gather(context.libvirt, resource, signal)
  if (!observed) return guestNotFound(work)
  const { guest } = observed
  report.facts.guestUUID = guest.ref.uuid
  report.facts.guestState = guest.running ? 'Running' : 'Off'
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
  return port ? bringInSync(context, work, observed, definitionOf(resource, resolved, port)) : done
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

/** The port of the interface, recorded; undefined when it has none or must not have another, as the report then says. */
async function settlePort(
  context: Context,
  work: Work,
  resolved: Resolved,
  observed: Observed,
): Promise<Port | undefined> {
  const { resource, report, signal } = work
  const status = resource.status?.port
  const recorded = status && status.hostName === context.host.name ? portFromStatus(status) : undefined
  if (recorded && keepsPort(resolved.plug, recorded)) {
    const withdrawn = await context.ledger.isWithdrawn(recorded, resolved.plug)
    const note = withdrawn
      ? `, which network ${resolved.network} has no more; nobody gets it after this interface`
      : ''
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}${note}`)
    return recorded
  }
  if (recorded && observed.guest.running && observed.live) {
    // Another port may be out of reach for a running guest: seen before one is taken.
    const candidate = await context.ledger.choose(resource, resolved.plug, signal)
    const plan =
      'port' in candidate && planFor(work, observed, definitionOf(resource, resolved, candidate.port))
    if (plan && plan.verdict === 'Refused') {
      report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(recorded)}`)
      sayRefused(report, plan)
      return undefined
    }
  }
  const record = (port: Port) => {
    report.facts.port = portToStatus(port, context.host.name)
    delete report.facts.waitingSince
    report.reached('PortAllocated', 'PortAllocated', `Holds ${portName(port)}`)
    report.stopped('Synced', 'NotReached', 'About to be plugged', 'Unknown')
    return report.write(context.store, true)
  }
  const allocated = await context.ledger.allocate(resource, resolved.plug, record, signal)
  if ('port' in allocated) {
    work.log.info({ port: portName(allocated.port) }, 'port recorded')
    context.wake(context.wakes.ofPort())
    return allocated.port
  }
  const { reason, message } = allocated.refusal
  if (!recorded) report.facts.waitingSince ??= new Date().toISOString()
  report.stopped('PortAllocated', reason, message)
  return undefined
}

async function bringInSync(
  context: Context,
  work: Work,
  before: Observed,
  effective: InterfaceDefinition,
): Promise<Outcome> {
  const { resource, report, log, signal } = work
  const plan = planFor(work, before, effective)
  report.planned(plan)
  if (plan.verdict === 'Refused') {
    sayRefused(report, plan)
    return done
  }
  const obstacle = plugObstacle(plan, before, effective)
  if (obstacle) {
    report.stopped('Synced', obstacle.reason, obstacle.message)
    return done
  }
  const read = () => gather(context.libvirt, resource, signal)
  let after: Observed | undefined = before
  if (plan.steps.length > 0) {
    await apply(plan.steps, before, effective, { libvirt: context.libvirt, gather: read, log, signal })
    after = await read()
  }
  // Gone in the meantime: the event that says so wakes the key.
  if (!after) return guestNotFound(work)
  return verify(context, work, after, effective)
}

async function verify(
  context: Context,
  work: Work,
  after: Observed,
  effective: InterfaceDefinition,
): Promise<Outcome> {
  const { report } = work
  const left = planFor(work, after, effective)
  report.planned(left)
  const problems = after.live
    ? await verifyOnHost(after.live.definition, effective, context, work.signal)
    : []
  if (left.steps.length > 0) {
    const fields = left.differences.map(({ field }) => field).join(', ') || left.verdict
    problems.push(`libvirt reported success, but its definition still differs: ${fields}`)
  }
  if (problems.length > 0) {
    report.stopped('Synced', 'NotVerified', problems.join('\n'))
    return requeueAfter(LOOK_AGAIN_MS)
  }
  if (left.verdict === 'NextBoot') {
    report.restartRequired(`Guest ${after.guest.ref.name} takes the saved definition over at its next start`)
  }
  report.reached('Synced', 'InSync', `${portName(effective.port)} as the manifests say`)
  return done
}

function planFor(
  { resource }: Work,
  { guest, live, saved }: Observed,
  effective: InterfaceDefinition,
): ChangePlan {
  return planChange({
    running: guest.running,
    persistent: guest.persistent,
    live: live?.definition,
    saved: saved?.definition,
    effective,
    updatePolicy: resource.spec.updatePolicy,
  })
}

function definitionOf(
  { metadata }: GuestInterface,
  { effective }: Resolved,
  port: Port,
): InterfaceDefinition {
  // An empty group of ours keeps libvirt from merging the network's default one.
  const portGroup = port.kind === 'network' ? { portGroup: 'patchbay' } : {}
  return {
    port,
    settings: effective,
    alias: aliasOf(metadata.namespace ?? 'default', metadata.name),
    ...portGroup,
  }
}

function sayRefused(report: Report, plan: ChangePlan): void {
  report.planned(plan)
  const refused = plan.differences.filter(({ verdict }) => verdict === 'Refused')
  const lines = refused.map(
    ({ field, observed, effective, reason }) =>
      `${field}: ${observed || '(none)'} -> ${effective || '(none)'}: ${reason}`,
  )
  report.stopped('Synced', 'LiveChangeRefused', lines.join('\n'))
}

/** A newest manifest that was not accepted is said, while the last accepted one is kept in force. */
function sayRejection({ store }: Context, { key, report }: Work): void {
  const rejection = store.rejection(key)
  if (!rejection) return
  if (rejection.reason === 'InvalidManifest') {
    report.stopped('Synced', 'InvalidManifest', rejection.message)
    return
  }
  const differences = rejection.fields.map(({ field, from, to }) => ({
    field,
    observed: from,
    effective: to,
    verdict: 'Refused' as const,
    reason: 'The field is immutable; take the change back, or remove the interface and make it anew',
  }))
  sayRefused(report, { verdict: 'Refused', steps: [], differences })
}

function sayFailure(report: Report, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error)
  const fromLibvirt = isLibvirtError(error) && error.domain !== 'client'
  if (error instanceof GuestNotReleasing) report.stoppedHere('GuestNotReleasing', message, 'False')
  else if (failureSort(error) === 'terminal') report.stoppedHere('ApplyRejected', message, 'False')
  else if (isLibvirtError(error) && !fromLibvirt) report.stoppedHere('LibvirtUnavailable', message, 'Unknown')
  else report.stoppedHere('ApplyFailed', message, fromLibvirt ? 'False' : 'Unknown')
}

function unusedText({ unused }: Resolved): string {
  return unused.length > 0 ? `Given but not in effect here: ${unused.join(', ')}` : ''
}
