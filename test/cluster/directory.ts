/** A directory for the files of one cluster, which goes when the process that made it ends, however that ends. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'

export interface ClusterDirectory {
  path: string
  /** Back when it is gone. No process may write into it any more. */
  remove(): Promise<void>
}

/**
 * A shell waits for the end of a pipe from us and removes the directory then. Processes that die with us may still write
 * for a moment, so it tries more than once.
 */
const remover = 'while read -r _; do :; done; for _ in $(seq 50); do rm -rf "$1" && exit; sleep 0.1; done'

export async function makeClusterDirectory(): Promise<ClusterDirectory> {
  const directory = await mkdtemp(path.join(tmpdir(), 'patchbay-cluster-'))
  // A session of its own: it outlives Ctrl-C.
  const child = spawn('sh', ['-c', remover, 'sh', directory], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  await once(child, 'spawn')
  child.unref()
  ;(child.stdin as unknown as { unref(): void }).unref()
  return {
    path: directory,
    async remove() {
      if (child.exitCode !== null) return
      child.ref()
      const exited = once(child, 'exit')
      child.stdin.end()
      await exited
    },
  }
}
