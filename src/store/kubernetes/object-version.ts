/** resourceVersions of one object are numbers that grow: etcd's revisions, and since Kubernetes 1.35 promised. */
export function isLater(version: string | undefined, than: string | undefined): boolean {
  return BigInt(version ?? 0) > BigInt(than ?? 0)
}
