/** Told what goes on in an agent by whoever does it, so that none of them knows who measures it. */
import type { Verdict } from '../api/guest-interface.ts'
import type { ClientOptions } from '../libvirt/client.ts'
import type { RunnerOptions } from '../reconcile/runner.ts'
import type { ApiClientOptions } from '../store/kubernetes/api-client.ts'

export interface AgentHooks {
  onPass?: RunnerOptions<never>['onPass']
  onCall?: ClientOptions['onCall']
  onRequest?: ApiClientOptions['onRequest']
  /** A pass over an object of this kind has decided what to do. */
  onPlan?: (kind: 'GuestInterface' | 'Network', verdict: Verdict) => void
}
