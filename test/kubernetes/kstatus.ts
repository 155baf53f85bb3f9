/**
 * How tools that know nothing of Patchbay read its objects: the rules of kstatus (sigs.k8s.io/cli-utils, which Flux uses, too)
 * for a resource that is not built in.
 */
export interface AnyObject {
  metadata: { generation?: number; deletionTimestamp?: string }
  status?: { observedGeneration?: number; conditions?: { type: string; status: string }[] }
}

export type Kstatus = 'Terminating' | 'InProgress' | 'Failed' | 'Current'

export function kstatus({ metadata, status = {} }: AnyObject): Kstatus {
  if (metadata.deletionTimestamp) return 'Terminating'
  const { observedGeneration, conditions = [] } = status
  if (observedGeneration !== undefined && observedGeneration !== metadata.generation) return 'InProgress'
  const is = (type: string) => conditions.find((each) => each.type === type)?.status
  if (is('Reconciling') === 'True') return 'InProgress'
  if (is('Stalled') === 'True') return 'Failed'
  const ready = is('Ready')
  return ready === undefined || ready === 'True' ? 'Current' : 'InProgress'
}
