/** Now, as Kubernetes' MicroTime wants it: RFC 3339 with microseconds. */
export function microTime(now = new Date()): string {
  return `${now.toISOString().slice(0, -1)}000Z`
}
