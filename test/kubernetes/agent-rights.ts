/** What an agent may do in a test's cluster: what it may where it is deployed, by the deployment's own files. */
import path from 'node:path'
import type { Cluster } from '../cluster/cluster.ts'
import { repository } from './installation.ts'

/** RBAC, and the policies that hold an agent to its own host. Anybody else may write status here. */
export async function grantAgents(cluster: Cluster): Promise<void> {
  await applyOfDeployment(cluster, 'namespaces.yaml', 'agent-rights.yaml', 'policies/agent.yaml')
}

/** What the controller's ServiceAccount may do. */
export async function grantController(cluster: Cluster): Promise<void> {
  await applyOfDeployment(cluster, 'namespaces.yaml', 'controller-rights.yaml')
}

async function applyOfDeployment(cluster: Cluster, ...files: string[]): Promise<void> {
  const options = files.map((file) => `--filename=${path.join(repository, 'deploy', file)}`)
  await cluster.kubectl('apply', '--server-side', '--force-conflicts', ...options)
}
