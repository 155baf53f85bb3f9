/** The cluster's side: puts store, leadership and reconcilers together, and runs until it is told to stop. */
import type { Logger } from 'pino'
import type { ListenAddress } from '../operations/listen-address.ts'
import { aborted } from '../reconcile/aborted.ts'
import { Runner } from '../reconcile/runner.ts'
import type { ApiClient } from '../store/kubernetes/api-client.ts'
import { ClusterStore } from '../store/kubernetes/cluster-store.ts'
import { Leadership, type LeadershipTiming } from '../store/kubernetes/leadership.ts'
import { type Key, keyName } from '../store/store.ts'
import { createContext } from './context.ts'
import type { ControllerHooks } from './metrics.ts'
import type { Observation } from './observation.ts'
import { reconcilers } from './reconcilers.ts'
import { Wakes } from './wakes.ts'

export interface ControllerOptions {
  openClient(onRequest: ControllerHooks['onRequest']): ApiClient
  /** Where it tells how it is; absent: nowhere. */
  listen?: ListenAddress
  /** Of this replica: no other one has it, nor had it. */
  identity: string
  /** Finishes the steps in hand, gives up the lead and ends. */
  signal: AbortSignal
  /** Seconds; default 40, as a kubelet's. An agent renews four times as often. */
  agentLeaseSeconds?: number
  leadershipTiming?: Partial<LeadershipTiming>
}

/** How many keys at a time: that many requests are with the API server. */
const CONCURRENCY = 16
/** Below what is left of the Lease when a term ends. */
const STOP_GRACE_MS = 2_000
/** Milliseconds, and more for each host: many hosts tell one after the other, and every agent hears of each sum. */
const SUM_DELAY_MS = 300
const SUM_DELAY_OF_HOST_MS = 3
/** Nothing but a fault of ours makes it necessary: every change is told. */
const RESYNC_MS = 600_000

/**
 * Runs until the signal aborts. While another replica leads, it follows the cluster all the same: it knows everything when its
 * turn comes, and which agents were heard of since when. Resolves with the exit code. Rejects with what is wrong with the
 * address to listen at.
 */
export async function runController(options: ControllerOptions, log: Logger): Promise<number> {
  const { listen } = options
  if (!listen) return run(options, log)
  const [{ Operations }, { observe }] = await Promise.all([
    import('../operations/operations.ts'),
    import('./observation.ts'),
  ])
  const operations = await Operations.listen(listen)
  return run(options, log, observe(operations)).finally(() => operations.close())
}

async function run(options: ControllerOptions, log: Logger, observation?: Observation): Promise<number> {
  const { identity, signal, agentLeaseSeconds = 40, leadershipTiming: timing = {} } = options
  const client = options.openClient(observation?.hooks.onRequest)
  const ending = new AbortController()
  const leadership = new Leadership({ client, identity, log, timing })
  const term = () => leadership.term()
  const store = new ClusterStore({ client, log, instance: identity, term, agentLeaseSeconds })
  const wakes = new Wakes(store)
  /** While this replica leads. */
  let runner: Runner<Key> | undefined
  const wake = (keys: Iterable<Key>) => {
    if (!runner) return
    const hosts = store.list('Host').length
    for (const key of keys) {
      // Sums over all hosts: what many of these tell at once is one look.
      if (key.kind === 'Network' || key.kind === 'PortGroup')
        runner.addAfter(key, SUM_DELAY_MS + SUM_DELAY_OF_HOST_MS * hosts)
      else runner.add(key)
    }
  }
  const reconcile = reconcilers(createContext({ store, wakes, wake }))

  let wasCutOff = false
  const lead = async (term: AbortSignal) => {
    // Perhaps no agent reached the API server either.
    if (wasCutOff) store.agents.lookAnew()
    const running = new Runner<Key>({
      nameOf: keyName,
      reconcile: (key, pass) => reconcile[key.kind](key as never, pass),
      log,
      concurrency: CONCURRENCY,
      onPass: observation?.hooks.onPass,
    })
    // Who is silent is known before anything is decided by it: what the leader before this one said of that stands.
    for (const key of wakes.hosts()) running.add(key)
    await Promise.race([running.idle({ within: 0, tries: 1 }), aborted(term)])
    runner = running
    wake(wakes.all())
    const resync = setInterval(() => {
      for (const key of wakes.all()) running.addAfter(key, Math.random() * RESYNC_MS)
    }, RESYNC_MS)
    await aborted(term)
    clearInterval(resync)
    runner = undefined
    // A term that ran out leaves no time: calls in hand abort with it.
    const left = await running.stop(signal.aborted ? STOP_GRACE_MS : 0)
    if (left.length > 0) log.warn({ keys: left }, 'some passes did not end in time')
    wasCutOff = !signal.aborted
  }

  observation?.watch({ store, queue: () => runner?.state, isLeader: () => leadership.isLeading })
  try {
    const started = store.start((change) => wake(wakes.ofChange(change)), ending.signal)
    await Promise.race([started, aborted(signal)])
    if (signal.aborted) return 0
    observation?.started()
    log.info({ identity }, 'controller runs')
    await leadership.run(lead, signal)
    log.info('controller stops')
    return 0
  } finally {
    ending.abort()
    client.close()
  }
}
