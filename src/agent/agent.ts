/** The agent of one host: puts store, libvirt, kernel and reconcilers together, and runs until it is told to stop. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Condition } from '../api/conditions.ts'
import type { HostIdentity } from '../core/host-selector.ts'
import { isReady } from '../core/interface-status.ts'
import { watchLinks } from '../host/watch.ts'
import { LibvirtClient } from '../libvirt/client.ts'
import type { ListenAddress } from '../operations/listen-address.ts'
import type { Operations } from '../operations/operations.ts'
import { aborted } from '../reconcile/aborted.ts'
import { done } from '../reconcile/outcome.ts'
import { Runner } from '../reconcile/runner.ts'
import { type Key, keyName, type Store } from '../store/store.ts'
import { type Binding, createContext } from './context.ts'
import type { AgentHooks } from './hooks.ts'
import { interfaceReconciler } from './interface/reconcile.ts'
import { inventoryReconciler } from './inventory.ts'
import { InventoryPace, SHORTEST_MS } from './inventory-pace.ts'
import { portGroupReconciler } from './network/port-group.ts'
import { networkReconciler } from './network/reconcile.ts'
import { takePlace } from './place.ts'

export interface AgentOptions {
  /** Where the manifests are; asked once this is the only agent on the host. */
  openStore(log: Logger, onRequest: AgentHooks['onRequest']): Store
  binding: Binding
  hostName: string
  hostLabels: Record<string, string>
  /** libvirt's socket, or the directory that holds it. */
  libvirt: string
  /** Where it tells how it is; absent: nowhere. */
  listen?: ListenAddress
  /** Reconcile until nothing is left to do, then end. */
  once: boolean
  /** Finishes the steps in hand and ends. */
  signal: AbortSignal
}

/** Finds what no event tells. */
const RESYNC_MS = 30_000
const RESYNC_SPREAD_MS = 5_000
/** How many keys at a time; libvirt takes four reads and four writes of one client. */
const CONCURRENCY = 8
/** How long the first passes wait for libvirt before they report that it isn't there. */
const FIRST_CONNECTION_MS = 2_000
const STOP_GRACE_MS = 10_000

/**
 * Runs until the signal aborts, or with `once` until nothing is left to do. Resolves with the exit code: 0, or with `once` 2
 * when a resource is not Ready. Rejects when it cannot begin: another agent on the host, a directory or an address that cannot
 * serve. In a cluster it waits for the other agent to end: nobody is there to start it again at the right moment.
 */
export async function runAgent(options: AgentOptions, log: Logger): Promise<number> {
  const { listen, signal } = options
  const waits = options.binding === 'controller' && !options.once
  const place = await takePlace({ listen, waits, signal }, log)
  if (!place) return 0
  try {
    return await run(options, log, place.operations)
  } finally {
    await place.leave()
  }
}

async function run(options: AgentOptions, log: Logger, operations?: Operations): Promise<number> {
  const { hostName, hostLabels, binding, signal } = options
  const observation = operations && (await import('./observation.ts')).observe(operations)
  const { onRequest, onCall, onPass, onPlan }: AgentHooks = observation?.hooks ?? {}
  const store = options.openStore(log, onRequest)
  const libvirt = new LibvirtClient({ socket: options.libvirt, onCall })
  const ending = new AbortController()
  const runner = new Runner<Key>({
    nameOf: keyName,
    reconcile: (key, pass) => reconcilers[key.kind](key as never, pass),
    log,
    concurrency: CONCURRENCY,
    onPass,
  })
  // Whoever waits for the end does not wait for long.
  const pace = new InventoryPace(options.once ? SHORTEST_MS : undefined)
  const wake = (keys: Iterable<Key>) => {
    for (const key of keys) {
      if (key.kind === 'Host') runner.addAfter(key, pace.delayMs(performance.now()))
      else runner.add(key)
    }
  }
  const host: HostIdentity = {
    name: hostName,
    // In a cluster the Host has those of its Node, and they may change.
    get labels() {
      return { ...store.get('Host', hostName)?.metadata.labels, ...hostLabels }
    },
  }
  const context = createContext({ host, binding, libvirt, store, wake, onPlan })
  const { wakes } = context
  const reconcilers = {
    GuestInterface: interfaceReconciler(context),
    Network: networkReconciler(context),
    PortGroup: portGroupReconciler(context),
    Host: inventoryReconciler(context, pace),
    // Concerns interfaces, and has nothing of its own on a host.
    GuestGrant: async () => done,
  }

  observation?.watch({ hostName, store, libvirt, queue: () => runner.state })
  const started = store.start((key) => wake(wakes.ofStore(key)), ending.signal)
  await Promise.race([started, aborted(signal)])
  if (signal.aborted) {
    // Without all manifests nothing may be decided.
    ending.abort()
    await libvirt.close()
    return 0
  }
  observation?.started()
  libvirt.onEvent((event) => wake(wakes.ofLibvirt(event)))
  // Rejects only when the agent ends before libvirt was ever there.
  const connected = connect(libvirt, log, () => wake(wakes.all()), ending.signal).catch(() => undefined)
  await Promise.race([connected, elapsed(FIRST_CONNECTION_MS, ending.signal)])
  if (!libvirt.connected) wake(wakes.all())
  const watching = watchLinks((links) => wake(wakes.ofLinks(links)), ending.signal, log)
  const resync = setInterval(() => {
    // Spread, and without bringing a failing key forward as a wake would.
    for (const keys of wakes.allByGuest()) {
      const ms = Math.random() * RESYNC_SPREAD_MS
      for (const key of keys) runner.addAfter(key, ms)
    }
    context.macvtapModes
      .refresh(ending.signal)
      .catch((err) => log.warn({ err }, 'cannot read the modes of macvtaps, will try again'))
  }, RESYNC_MS)
  log.info({ hostName, libvirt: options.libvirt }, 'agent runs')

  await Promise.race([
    aborted(signal),
    options.once ? runner.idle({ within: 2 * SHORTEST_MS, tries: 3 }) : never,
  ])
  log.info('agent stops')
  clearInterval(resync)
  const left = await runner.stop(STOP_GRACE_MS)
  if (left.length > 0) log.warn({ keys: left }, 'some passes did not end in time')
  ending.abort()
  await Promise.all([libvirt.close(), watching])
  return options.once && !allReady(store) ? 2 : 0
}

/** Connects, and says when libvirt comes and goes; whatever went on in between is read afresh. */
async function connect(
  libvirt: LibvirtClient,
  log: Logger,
  changed: () => void,
  ending: AbortSignal,
): Promise<void> {
  libvirt.onConnected(() => {
    log.info('libvirt connected')
    changed()
  })
  libvirt.onDisconnected((reason) => {
    if (ending.aborted) return
    log.warn({ error: reason.message }, 'libvirt disconnected')
    changed()
  })
  await libvirt.connect()
}

function allReady(store: Store): boolean {
  const kinds = ['GuestInterface', 'Network', 'PortGroup'] as const
  const resources = kinds.flatMap((kind) => store.list(kind) as { status?: { conditions?: Condition[] } }[])
  return store.problems().length === 0 && resources.every(({ status }) => isReady(status?.conditions))
}

const never = new Promise<never>(() => {})

async function elapsed(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined)
}
