/** What an agent may do in a test's cluster: what the ones of the deployment may. */
import type { Cluster } from '../cluster/cluster.ts'

const group = ['patchbay.dev']

export async function grantAgents(cluster: Cluster): Promise<void> {
  const rules = [
    {
      apiGroups: group,
      resources: ['guestinterfaces', 'networks', 'portgroups', 'hosts'],
      verbs: ['get', 'list', 'watch'],
    },
    { apiGroups: group, resources: ['guestinterfaces/status', 'hosts/status'], verbs: ['patch'] },
    { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
  ]
  const name = 'patchbay-agent'
  await cluster.admin.kubectlWith(
    [
      { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'ClusterRoleBinding',
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
        subjects: [{ kind: 'ServiceAccount', name, namespace: 'patchbay-system' }],
      },
    ],
    'apply',
    '-f-',
  )
}
