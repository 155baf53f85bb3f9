/** What was written to an API server, by its own count. */
import type { Cluster } from '../cluster/cluster.ts'

/** By kind and outcome, as `APPLY status 200`; whether or not it changed anything. */
export type Writes = Record<string, number>

/** Of a resource, by anybody, since the API server started. */
export async function writesOf(cluster: Cluster, resource: string): Promise<Writes> {
  const metrics = await cluster.kubectl('get', '--raw', '/metrics')
  const counted: Writes = {}
  for (const line of metrics.split('\n')) {
    const labels = /^apiserver_request_total\{(.*)\} /.exec(line)?.[1] ?? ''
    const of = (label: string) => new RegExp(`\\b${label}="([^"]*)"`).exec(labels)?.[1] ?? ''
    if (of('resource') !== resource || !['APPLY', 'PATCH', 'PUT', 'POST'].includes(of('verb'))) continue
    const name = [of('verb'), of('subresource'), of('code')].filter(Boolean).join(' ')
    counted[name] = (counted[name] ?? 0) + Number(line.split(' ').at(-1))
  }
  return counted
}

/** What has been written since. */
export async function writesSince(before: Writes, cluster: Cluster, resource: string): Promise<Writes> {
  const now = Object.entries(await writesOf(cluster, resource))
  const more = now.map(([name, count]) => [name, count - (before[name] ?? 0)] as const)
  return Object.fromEntries(more.filter(([, count]) => count > 0))
}
