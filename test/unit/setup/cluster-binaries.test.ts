import { chmod, mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clusterBinaries } from '../../cluster/binaries.ts'

const binaries = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']
const tools = 'cat chmod cut dirname flock grep mkdir mktemp mv rm sed sha256sum sleep sort tail wc'.split(
  ' ',
)

let directory: string
let cache: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'patchbay-setup-'))
  cache = path.join(directory, 'cache', 'patchbay-lab')
  await mkdir(path.join(directory, 'bin'))
  const { stdout } = await execa('sh', ['-c', `for tool in ${tools.join(' ')}; do command -v $tool; done`])
  for (const file of stdout.split('\n')) {
    await symlink(await realpath(file), path.join(directory, 'bin', path.basename(file)))
  }
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(directory, { recursive: true })
})

async function executable(file: string, script: string): Promise<void> {
  await writeFile(file, `#!/bin/sh\n${script}\n`)
  await chmod(file, 0o755)
}

/** A go that says it is this version; what it does when it is asked to list packages and to build, in sh. */
async function haveGo(version: string, list = 'echo a; echo b', build = 'build "$@"'): Promise<void> {
  await executable(
    path.join(directory, 'bin', 'go'),
    `build() {
      while [ "$1" != -o ]; do shift; done
      mkdir "$2"
      for name in server ${binaries.slice(1).join(' ')}; do echo >"$2$name"; chmod 755 "$2$name"; done
    }
    case "$1" in env) echo ${version} ;; list) ${list} ;; build) ${build} ;; esac`,
  )
}

async function setup(env: Record<string, string> = {}) {
  const result = await execa(
    '/bin/sh',
    [
      '-euc',
      '. setup/say.sh; . setup/cluster-binaries.sh; ensure_cluster_binaries; cluster_binaries_directory',
    ],
    {
      env: { PATH: path.join(directory, 'bin'), XDG_CACHE_HOME: path.join(directory, 'cache'), ...env },
      extendEnv: false,
      reject: false,
    },
  )
  return { exitCode: result.exitCode, says: result.stderr, built: result.stdout }
}

/** What a build that did not come to its end left in the cache. */
const leftovers = async () => (await readdir(cache)).filter((name) => name !== 'building-cluster.lock')

test('builds once, where the tests look', async () => {
  await haveGo('go1.26.8')
  const { exitCode, says, built } = await setup()
  expect({ exitCode, says: says.split('\n') }).toEqual({
    exitCode: 0,
    says: [
      'setup: loading the Go modules of Kubernetes ...',
      "setup: building the cluster's binaries: 2 Go packages, about 4 minutes on 2 cores and 3 GB in Go's build cache ...",
      "setup: the cluster's binaries are there.",
    ],
  })
  expect(await leftovers()).toEqual([path.basename(built)])
  vi.stubEnv('XDG_CACHE_HOME', path.join(directory, 'cache'))
  vi.stubEnv('KUBEBUILDER_ASSETS', undefined)
  expect(clusterBinaries()).toEqual(
    Object.fromEntries(binaries.map((name) => [name, path.join(built, name)])),
  )
  await rm(path.join(directory, 'bin', 'go'))
  expect(await setup()).toEqual({ exitCode: 0, says: '', built })
})

test('builds nothing where KUBEBUILDER_ASSETS has all, and says what it lacks otherwise', async () => {
  await haveGo('go1.26.0')
  const assets = path.join(directory, 'assets')
  await mkdir(assets)
  for (const name of binaries.slice(1)) await executable(path.join(assets, name), '')
  vi.stubEnv('KUBEBUILDER_ASSETS', assets)
  const { exitCode, says } = await setup({ KUBEBUILDER_ASSETS: assets })
  expect(exitCode).toBe(0)
  expect(says.split('\n')[0]).toBe(
    `setup: KUBEBUILDER_ASSETS (${assets}) has no etcd, so the cluster's binaries are built here.`,
  )
  await executable(path.join(assets, 'etcd'), '')
  await rm(cache, { recursive: true })
  expect(await setup({ KUBEBUILDER_ASSETS: assets })).toMatchObject({ exitCode: 0, says: '' })
  expect(clusterBinaries().etcd).toBe(path.join(assets, 'etcd'))
})

test.each(['go1.19.8', 'go1.25.9', ''])('an older Go is no use: %s', async (version) => {
  await haveGo(version)
  const { exitCode, says } = await setup()
  expect(exitCode).toBe(1)
  expect(says).toContain(`with Go 1.26, and ${path.join(directory, 'bin', 'go')} is ${version}`)
})

test('without Go it says what to do', async () => {
  const { exitCode, says } = await setup()
  expect(exitCode).toBe(1)
  expect(says).toMatch(/with Go 1\.26, which is missing: install it, or .*KUBEBUILDER_ASSETS/)
})

test.each([
  [
    'modules that cannot be had',
    'echo "go: downloading x" >&2; echo "go: no route" >&2; exit 1',
    undefined,
    'cannot be had (go: no route)',
  ],
  ['a build that fails', undefined, 'echo "no space" >&2; exit 1', 'no space\nsetup: go could not build'],
  ['the end of the setup', undefined, 'kill -TERM $PPID; sleep 0.1; exit 1', ''],
])('%s leaves nothing half-built', async (_, list, build, says) => {
  await haveGo('go1.26.8', list, build)
  const result = await setup()
  expect(result.exitCode).not.toBe(0)
  expect(result.says).toContain(says)
  expect(await leftovers()).toEqual([])
})
