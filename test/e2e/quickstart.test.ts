import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readlink } from 'node:fs/promises'
import path from 'node:path'
import { expect, it } from 'vitest'

const main = path.join(import.meta.dirname, '../../quickstart/main.ts')

/** Starts quickstart and gathers what it prints; `until` resolves once that contains a text. */
function quickstart() {
  const child = spawn('node', [main], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk
    })
  }
  return {
    child,
    ended: once(child, 'exit') as Promise<[code: number | null]>,
    printed: () => printed,
    until: async (text: string) => {
      while (!printed.includes(text)) await once(child.stdout, 'data')
    },
  }
}

/** Processes whose parent is `pid`: of quickstart, the one that holds the lab host. */
async function childrenOf(pid: number): Promise<string[]> {
  const { stdout } = spawn('ps', ['-o', 'pid=', '--ppid', String(pid)])
  return (await stdout.setEncoding('utf8').toArray()).join('').split(/\s+/).filter(Boolean)
}

async function isThere(pid: string): Promise<boolean> {
  return readlink(`/proc/${pid}/ns/pid`).then(Boolean, () => false)
}

it('tells the story to its end', async () => {
  const run = quickstart()
  expect([(await run.ended)[0], run.printed()]).toEqual([0, expect.stringContaining('are gone.')])
  expect(run.printed()).toMatch(/vm1-exclusive .* pool[01] \(passthrough\) .* True .* InSync/)
  expect(run.printed()).toContain('The port stayed')
  expect(run.printed()).toMatch(/LiveChangeRefused: model: virtio -> e1000e/)
  expect(run.printed()).toMatch(/office +active +yes +yes/)
  expect(run.printed()).toContain('Last change: 1 live update (dnsmasq reads its hosts again')
})

it('leaves nothing behind when it is interrupted', async () => {
  const run = quickstart()
  await run.until('2. A guest')
  const children = await childrenOf(run.child.pid as number)
  expect(children).not.toEqual([])
  run.child.kill('SIGINT')
  expect((await run.ended)[0]).toBe(130)
  expect(run.printed()).toContain('are gone.')
  expect(await Promise.all(children.map(isThere))).not.toContain(true)
  expect(await readdir('/sys/class/net')).not.toContain('pool0')
})
