/** The tests' own cluster: it can be killed and started again, its hosts are who they are, and nothing outlives it. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clusterBinaries } from '../cluster/binaries.ts'
import { Cluster } from '../cluster/cluster.ts'

let cluster: Cluster
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'patchbay-test-'))
  cluster = await Cluster.start()
})

afterAll(async () => {
  await cluster?.stop()
  await rm(directory, { recursive: true, force: true })
})

/** Starts a cluster in a process of its own, whose files go into a directory of their own, and stays. */
const starter = `
  import { Cluster } from '${path.join(import.meta.dirname, '../cluster/cluster.ts')}'
  await Cluster.start()
  console.log('ready')
  setInterval(() => {}, 1000)`

async function startElsewhere(name: string, env: Record<string, string> = {}) {
  const files = path.join(directory, name)
  await mkdir(files)
  const child = execFile(process.execPath, ['--input-type=module', '-e', starter], {
    env: { ...process.env, TMPDIR: files, ...env },
  })
  return { child, files }
}

/** What is left of a cluster: its files, and the processes that were told of them. */
async function remains(files: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const commands = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  )
  return [...(await readdir(files)), ...commands.filter((command) => command.includes(files))]
}

test('a host has the token of a Pod on its Node, which may do nothing by itself', async () => {
  const host = await cluster.createHost('abc')
  const { status } = JSON.parse(await host.kubectl('auth', 'whoami', '-o', 'json')) as {
    status: { userInfo: { username: string; extra: Record<string, string[]> } }
  }
  expect(status.userInfo.username).toBe('system:serviceaccount:patchbay-system:patchbay-agent')
  expect(status.userInfo.extra).toMatchObject({
    'authentication.kubernetes.io/node-name': ['abc'],
    'authentication.kubernetes.io/pod-name': ['patchbay-agent-abc'],
  })
  expect(await host.refusal(host.kubectl('get', 'nodes'))).toContain('nodes is forbidden')
  expect(await cluster.kubectl('get', 'nodes', '-l', 'kubernetes.io/hostname=abc', '-o', 'name')).toBe(
    'node/abc',
  )
})

test('an API server that was killed comes back with what it had', async () => {
  await cluster.kubectl('create', 'namespace', 'kept')
  await cluster.apiServer.kill9()
  expect(await cluster.admin.refusal(cluster.kubectl('get', 'namespaces'))).toContain('refused')
  await cluster.apiServer.start()
  expect(await cluster.kubectl('get', 'namespace', 'kept', '-o', 'name')).toBe('namespace/kept')
})

test('the controllers work: a namespace gets its ServiceAccount', async () => {
  await cluster.kubectl('create', 'namespace', 'new')
  const wait = ['wait', '--for=create', 'serviceaccount/default', '--namespace=new', '--timeout=30s']
  expect(await cluster.kubectl(...wait)).toContain('condition met')
})

test('a cluster ends with the process that started it, also when that is killed', async () => {
  const { child, files } = await startElsewhere('killed')
  const [said] = (await once(child.stdout!, 'data')) as [Buffer | string]
  expect(String(said)).toContain('ready')
  expect(await remains(files)).toHaveLength(5)
  child.kill('SIGKILL')
  await expect.poll(() => remains(files)).toEqual([])
})

test('a server that does not come up is said with the end of its log, and nothing is left behind', async () => {
  const assets = path.join(directory, 'assets')
  await mkdir(assets)
  for (const [name, file] of Object.entries(clusterBinaries())) {
    if (name !== 'kube-apiserver') await symlink(file, path.join(assets, name))
  }
  await writeFile(path.join(assets, 'kube-apiserver'), '#!/bin/sh\necho no such luck\nexit 3\n')
  await chmod(path.join(assets, 'kube-apiserver'), 0o755)
  const { child, files } = await startElsewhere('broken', { KUBEBUILDER_ASSETS: assets })
  let said = ''
  child.stderr!.on('data', (data: Buffer | string) => {
    said += String(data)
  })
  await once(child, 'close')
  expect(said).toContain('kube-apiserver ended (3). Its log ends:\nno such luck')
  expect(await remains(files)).toEqual([])
})
