import fs from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import {
  interfaceManifest,
  networkManifest,
  nic,
  place,
  portGroupManifest,
  replace,
  start,
} from './harness.ts'

/** Longer than the grace for removals, so that one that is believed would have shown. */
const beyondGrace = 600
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe('reading', () => {
  test('every manifest below the directory, in every format; hidden and other files left alone', async () => {
    const at = place()
    fs.mkdirSync(join(at.manifests, 'deep/er'), { recursive: true })
    fs.mkdirSync(join(at.manifests, '.git'))
    fs.writeFileSync(
      join(at.manifests, 'a.yaml'),
      `${interfaceManifest('a1')}---\n${interfaceManifest('a2')}`,
    )
    fs.writeFileSync(join(at.manifests, 'deep/er/b.yml'), interfaceManifest('b'))
    const json = { apiVersion: 'patchbay.dev/v1alpha1', kind: 'Network', metadata: { name: 'c' }, spec: {} }
    fs.writeFileSync(join(at.manifests, 'c.json'), JSON.stringify(json))
    fs.writeFileSync(join(at.manifests, '.hidden.yaml'), interfaceManifest('hidden'))
    fs.writeFileSync(join(at.manifests, '.git/x.yaml'), interfaceManifest('hidden2'))
    fs.writeFileSync(join(at.manifests, 'README.md'), 'not a manifest')
    const { store } = await start(at)
    expect(store.list('GuestInterface').map(({ metadata }) => metadata.name)).toEqual(['a1', 'a2', 'b'])
    expect(store.list('Network').map(({ metadata }) => metadata.name)).toEqual(['c'])
    expect(store.problems()).toEqual([])
    const { metadata } = store.get('GuestInterface', 'a1', 'default')!
    expect(metadata).toMatchObject({ name: 'a1', namespace: 'default', generation: 1 })
    expect(metadata.uid).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('a change, an addition and a new subdirectory are noticed', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1500 }))
    const running = await start(at)
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1400 }))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1400))
    expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.generation).toBe(2)
    replace(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1300 }))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1300))
    fs.mkdirSync(join(at.manifests, 'sub'))
    fs.writeFileSync(join(at.manifests, 'sub/b.yaml'), interfaceManifest('b'))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'b', 'default')).toBeDefined())
    fs.writeFileSync(join(at.manifests, 'sub/b.yaml'), interfaceManifest('b', { mtu: 9000 }))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'b', 'default')?.spec.mtu).toBe(9000))
    expect(new Set(running.woken)).toEqual(new Set(['GuestInterface/a', 'GuestInterface/b']))
  })

  test('a comment or a new order of fields wakes nobody; a label wakes without a new generation', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a'))
    const running = await start(at)
    replace(file, `# a comment\n${interfaceManifest('a')}`)
    replace(file, interfaceManifest('a').replace('{name: a}', '{name: a, labels: {x: z}}'))
    await vi.waitFor(() =>
      expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.labels).toEqual({ x: 'z' }),
    )
    expect(running.woken).toEqual(['GuestInterface/a'])
    expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.generation).toBe(1)
  })

  test("a ConfigMap's files are read through their visible names and follow its swap", async () => {
    const at = place()
    const publish = (version: string, mtu: number) => {
      const files = join(at.manifests, version)
      fs.mkdirSync(join(files, 'sub'), { recursive: true })
      fs.writeFileSync(join(files, 'a.yaml'), interfaceManifest('a', { mtu }))
      fs.writeFileSync(join(files, 'sub/b.yaml'), interfaceManifest('b', { mtu }))
      fs.symlinkSync(version, join(at.manifests, '..data_tmp'))
      fs.renameSync(join(at.manifests, '..data_tmp'), join(at.manifests, '..data'))
    }
    publish('..2024_1', 1500)
    fs.symlinkSync('..data/a.yaml', join(at.manifests, 'a.yaml'))
    fs.symlinkSync('..data/sub', join(at.manifests, 'sub'))
    const running = await start(at)
    expect(running.store.list('GuestInterface')).toHaveLength(2)
    expect(running.store.rejection(nic('a'))).toBeUndefined()
    for (const [version, mtu] of [
      ['..2024_2', 1400],
      ['..2024_3', 1300],
    ] as const) {
      publish(version, mtu)
      await vi.waitFor(() => {
        expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(mtu)
        expect(running.store.get('GuestInterface', 'b', 'default')?.spec.mtu).toBe(mtu)
      })
    }
    fs.rmSync(join(at.manifests, '..2024_1'), { recursive: true })
    fs.rmSync(join(at.manifests, '..2024_2'), { recursive: true })
    await pause(beyondGrace)
    expect(running.store.list('GuestInterface').map(({ metadata }) => metadata.deletionTimestamp)).toEqual([
      undefined,
      undefined,
    ])
  })

  test('the directory itself may be a symlink that is swapped', async () => {
    const at = place()
    const [one, two] = [`${at.manifests}-1`, `${at.manifests}-2`]
    fs.rmdirSync(at.manifests)
    for (const [directory, mtu] of [
      [one, 1500],
      [two, 1400],
    ] as const) {
      fs.mkdirSync(directory)
      fs.writeFileSync(join(directory, 'a.yaml'), interfaceManifest('a', { mtu }))
    }
    fs.symlinkSync(one, at.manifests)
    const { store } = await start(at)
    fs.symlinkSync(two, `${at.manifests}.new`)
    fs.renameSync(`${at.manifests}.new`, at.manifests)
    await vi.waitFor(() => expect(store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1400))
    fs.writeFileSync(join(two, 'a.yaml'), interfaceManifest('a', { mtu: 1300 }))
    await vi.waitFor(() => expect(store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1300))
  })

  test('symlinks in a circle and two names of one file do no harm; a FIFO is no manifest', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a'))
    fs.symlinkSync('a.yaml', join(at.manifests, 'b.yaml'))
    fs.linkSync(join(at.manifests, 'a.yaml'), join(at.manifests, 'c.yaml'))
    fs.symlinkSync('.', join(at.manifests, 'circle'))
    fs.symlinkSync('d.yaml', join(at.manifests, 'd.yaml'))
    const { execFileSync } = await import('node:child_process')
    execFileSync('mkfifo', [join(at.manifests, 'fifo.yaml')])
    const { store } = await start(at)
    expect(store.list('GuestInterface')).toHaveLength(1)
    expect(store.rejection(nic('a'))).toBeUndefined()
    expect(store.problems().map(({ file }) => file)).toEqual(['d.yaml'])
  })
})

describe('half-written and broken files', () => {
  const text = `${interfaceManifest('a', { mtu: 1400 })}---\n${interfaceManifest('b', { mtu: 1400 })}`

  test('a file written byte by byte is never believed before it is whole', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, text.replaceAll('1400', '1500'))
    const running = await start(at)
    const seen = new Set<string>()
    const look = () => {
      for (const { spec, metadata } of running.store.list('GuestInterface')) {
        seen.add(`${spec.mtu} ${metadata.deletionTimestamp !== undefined}`)
      }
    }
    fs.writeFileSync(file, '')
    for (const piece of text.match(/[\s\S]{1,8}/g)!) {
      fs.appendFileSync(file, piece)
      await new Promise((resolve) => setImmediate(resolve))
      look()
    }
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'b', 'default')?.spec.mtu).toBe(1400))
    look()
    expect(seen).toEqual(new Set(['1500 false', '1400 false']))
  })

  test('what a broken file held stands, says why, and is woken when it is whole again', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, text)
    const running = await start(at)
    fs.writeFileSync(file, `${interfaceManifest('a', { mtu: 1300 })}---\nkind: [\n`)
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1300))
    await vi.waitFor(() => expect(running.store.rejection(nic('b'))?.reason).toBe('InvalidManifest'))
    expect(running.store.rejection(nic('b'))?.message).toMatch(/^a\.yaml:\d+: /)
    expect(running.store.problems().map((problem) => problem.file)).toEqual(['a.yaml'])
    await pause(beyondGrace)
    expect(running.store.get('GuestInterface', 'b', 'default')?.metadata.deletionTimestamp).toBeUndefined()
    running.woken.length = 0
    fs.writeFileSync(file, text)
    await vi.waitFor(() => expect(running.store.rejection(nic('b'))).toBeUndefined())
    expect(running.woken).toContain('GuestInterface/b')
    expect(running.store.problems()).toEqual([])
  })

  test('an object that breaks its schema stands as it was; the others of its file move on', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, text)
    const running = await start(at)
    replace(file, text.replace('1400', '1').replace('1400', '1300'))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'b', 'default')?.spec.mtu).toBe(1300))
    expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1400)
    const rejection = running.store.rejection(nic('a'))
    expect(rejection?.reason).toBe('InvalidManifest')
    expect(rejection?.message).toMatch(/^a\.yaml:\d+: .*mtu/)
    expect(new Set(running.woken)).toEqual(new Set(['GuestInterface/a', 'GuestInterface/b']))
  })

  test.each([
    ['kind', 'GuestInterface', 'GuestInterfac'],
    ['apiVersion', 'patchbay.dev/v1alpha1', 'patchbay.dev/v1alpha2'],
    ['name', 'name: a', 'nam: a'],
  ])('a slip of the pen in %s is no removal', async (_, right, wrong) => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a'))
    const { store } = await start(at)
    replace(file, interfaceManifest('a').replace(right, wrong))
    await vi.waitFor(() => expect(store.rejection(nic('a'))?.message).toMatch(/a\.yaml:\d/))
    await pause(beyondGrace)
    expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeUndefined()
  })

  test("somebody else's manifests, and kinds that no manifest can have here, are told and hold nothing back", async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a'))
    fs.writeFileSync(
      join(at.manifests, 'kustomization.yaml'),
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [a.yaml]\n',
    )
    const host = 'apiVersion: patchbay.dev/v1alpha1\nkind: Host\nmetadata: {name: h}\n'
    fs.writeFileSync(join(at.manifests, 'host.yaml'), host)
    const { store, logged } = await start(at)
    expect(new Set(store.problems().map((problem) => problem.file))).toEqual(
      new Set(['kustomization.yaml', 'host.yaml']),
    )
    expect(logged).toHaveLength(store.problems().length)
    expect(store.list('Host')).toEqual([])
    fs.unlinkSync(file)
    await vi.waitFor(() =>
      expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined(),
    )
  })

  test('one object in two files: neither is taken, the last accepted stands', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1500 }))
    const running = await start(at)
    fs.writeFileSync(join(at.manifests, 'b.yaml'), interfaceManifest('a', { mtu: 1400 }))
    await vi.waitFor(() =>
      expect(running.store.rejection(nic('a'))?.message).toMatch(/a\.yaml.* and b\.yaml/),
    )
    expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1500)
    fs.unlinkSync(join(at.manifests, 'a.yaml'))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1400))
    expect(running.store.rejection(nic('a'))).toBeUndefined()
  })
})

describe('removal', () => {
  test('an interface whose manifest is gone goes with a deletion timestamp, once, and stays until released', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), `${interfaceManifest('a')}---\n${interfaceManifest('b')}`)
    const running = await start(at)
    await running.store.writeStatus(nic('a'), { guestState: 'Running' })
    replace(join(at.manifests, 'a.yaml'), interfaceManifest('b'))
    await vi.waitFor(() =>
      expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined(),
    )
    expect(running.store.get('GuestInterface', 'a', 'default')?.status?.guestState).toBe('Running')
    await pause(beyondGrace)
    expect(running.woken).toEqual(['GuestInterface/a'])
    await running.store.release(nic('a'))
    expect(running.store.get('GuestInterface', 'a', 'default')).toBeUndefined()
    expect(fs.existsSync(join(at.state, 'guestinterface/default/a.json'))).toBe(false)
    running.stop()
    const again = await start(at)
    expect(again.store.list('GuestInterface').map(({ metadata }) => metadata.name)).toEqual(['b'])
  })

  test('a write that waits while an interface is released does not bring its file back', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a'))
    const { store } = await start(at)
    await store.writeStatus(nic('a'), { guestState: 'Running' })
    const released = store.release(nic('a'))
    await expect(store.writeStatus(nic('a'), { guestState: 'Off' })).rejects.toThrow('not there any more')
    await released
    expect(fs.existsSync(join(at.state, 'guestinterface/default/a.json'))).toBe(false)
  })

  test('a network whose manifest is gone stays until what it has on the host is let go', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'n.yaml'), networkManifest('net'))
    const running = await start(at)
    const key = { kind: 'Network', name: 'net' } as const
    await running.store.writeStatus(key, { observedGeneration: 1 })
    fs.unlinkSync(join(at.manifests, 'n.yaml'))
    await vi.waitFor(() =>
      expect(running.store.get('Network', 'net')?.metadata.deletionTimestamp).toBeDefined(),
    )
    expect(running.woken).toEqual(['Network/net'])
    await running.store.release(key)
    expect(running.store.get('Network', 'net')).toBeUndefined()
    expect(fs.existsSync(join(at.state, 'network/net.json'))).toBe(false)
    await expect(running.store.writeStatus(key, {})).rejects.toThrow(/not there any more/)
  })

  test('a port group whose manifest is gone just goes', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'g.yaml'), portGroupManifest('group'))
    const running = await start(at)
    await running.store.writeStatus({ kind: 'PortGroup', name: 'group' }, { observedGeneration: 1 })
    fs.unlinkSync(join(at.manifests, 'g.yaml'))
    await vi.waitFor(() => expect(running.store.get('PortGroup', 'group')).toBeUndefined())
    expect(running.woken).toEqual(['PortGroup/group'])
    await vi.waitFor(() => expect(fs.existsSync(join(at.state, 'portgroup/group.json'))).toBe(false))
    await expect(running.store.writeStatus({ kind: 'PortGroup', name: 'group' }, {})).rejects.toThrow(
      /not there any more/,
    )
  })

  test('renames, other files of the same name and a checkout are no removals', async () => {
    const at = place()
    const names = Array.from({ length: 50 }, (_, i) => `nic${i}`)
    for (const name of names) fs.writeFileSync(join(at.manifests, `${name}.yaml`), interfaceManifest(name))
    const running = await start(at)
    fs.renameSync(join(at.manifests, 'nic0.yaml'), join(at.manifests, 'renamed.yaml'))
    for (const name of names.slice(1)) fs.unlinkSync(join(at.manifests, `${name}.yaml`))
    await pause(20)
    for (const name of names.slice(1))
      fs.writeFileSync(join(at.manifests, `${name}.yaml`), interfaceManifest(name))
    await pause(beyondGrace)
    expect(running.woken).toEqual([])
    expect(
      running.store.list('GuestInterface').every((o) => o.metadata.deletionTimestamp === undefined),
    ).toBe(true)
  })

  test('a manifest that comes back before release takes the deletion back', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a'))
    const { store } = await start(at)
    const uid = store.get('GuestInterface', 'a', 'default')?.metadata.uid
    fs.unlinkSync(file)
    await vi.waitFor(() =>
      expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined(),
    )
    fs.writeFileSync(file, interfaceManifest('a'))
    await vi.waitFor(() =>
      expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeUndefined(),
    )
    expect(store.get('GuestInterface', 'a', 'default')?.metadata.uid).toBe(uid)
  })

  test('one that comes back as something else begins a new life after release', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a', { mac: '52:54:00:00:00:01' }))
    const running = await start(at)
    const uid = running.store.get('GuestInterface', 'a', 'default')?.metadata.uid
    fs.unlinkSync(file)
    const deleted = () => running.store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp
    await vi.waitFor(() => expect(deleted()).toBeDefined())
    fs.writeFileSync(file, interfaceManifest('a', { mac: '52:54:00:00:00:02' }))
    await vi.waitFor(() => expect(running.store.rejection(nic('a'))?.reason).toBe('FieldImmutable'))
    expect(deleted()).toBeDefined()
    running.woken.length = 0
    await running.store.release(nic('a'))
    const fresh = running.store.get('GuestInterface', 'a', 'default')
    expect(fresh?.spec.mac).toBe('52:54:00:00:00:02')
    expect(fresh?.metadata.uid).not.toBe(uid)
    expect(fresh?.status).toBeUndefined()
    expect(running.store.rejection(nic('a'))).toBeUndefined()
    expect(running.woken).toEqual(['GuestInterface/a'])
  })

  test('a directory that vanishes, or comes back empty, removes nothing', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a'))
    const running = await start(at)
    fs.renameSync(at.manifests, `${at.manifests}.away`)
    await vi.waitFor(() =>
      expect(
        running.store
          .problems()
          .map(({ message }) => message)
          .join(),
      ).toMatch(/ENOENT/),
    )
    fs.mkdirSync(at.manifests)
    await vi.waitFor(() =>
      expect(
        running.store
          .problems()
          .map(({ message }) => message)
          .join(),
      ).toMatch(/empty/),
    )
    await pause(beyondGrace)
    expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeUndefined()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1400 }))
    await vi.waitFor(() => expect(running.store.get('GuestInterface', 'a', 'default')?.spec.mtu).toBe(1400))
    expect(running.store.problems()).toEqual([])
    fs.unlinkSync(join(at.manifests, 'a.yaml'))
    await vi.waitFor(() =>
      expect(running.store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined(),
    )
  })

  test('what was removed while nobody looked is going when start returns', async () => {
    const at = place()
    fs.writeFileSync(join(at.manifests, 'a.yaml'), interfaceManifest('a'))
    fs.writeFileSync(join(at.manifests, 'n.yaml'), networkManifest('net'))
    const first = await start(at)
    await first.store.writeStatus(nic('a'), { guestState: 'Running' })
    await first.store.writeStatus({ kind: 'Network', name: 'net' }, { observedGeneration: 1 })
    await first.store.writeStatus({ kind: 'Host', name: 'h' }, { libvirtVersion: '9.0.0' })
    first.stop()
    fs.unlinkSync(join(at.manifests, 'a.yaml'))
    fs.unlinkSync(join(at.manifests, 'n.yaml'))
    // An empty directory may be a volume that isn't mounted; an empty file says that nothing is wanted.
    await expect(start(at)).rejects.toThrow(/is empty, and 2 objects were kept from it.*none\.yaml/)
    fs.writeFileSync(join(at.manifests, 'none.yaml'), '')
    const { store } = await start(at)
    expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined()
    expect(store.get('Network', 'net')?.metadata.deletionTimestamp).toBeDefined()
    expect(store.get('Host', 'h')?.status?.libvirtVersion).toBe('9.0.0')
  })

  test('what was accepted before a restart stands while a file is broken', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    fs.writeFileSync(file, interfaceManifest('a'))
    const first = await start(at)
    await first.store.writeStatus(nic('a'), { guestState: 'Running' })
    first.stop()
    fs.writeFileSync(file, 'kind: [\n')
    const { store } = await start(at)
    expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeUndefined()
    expect(store.rejection(nic('a'))?.reason).toBe('InvalidManifest')
    fs.writeFileSync(file, interfaceManifest('other'))
    await vi.waitFor(() =>
      expect(store.get('GuestInterface', 'a', 'default')?.metadata.deletionTimestamp).toBeDefined(),
    )
  })
})

describe('immutable fields', () => {
  test('an edit is refused with its fields, also after a restart; taking it back clears that', async () => {
    const at = place()
    const file = join(at.manifests, 'a.yaml')
    const good = interfaceManifest('a', { mac: '52:54:00:00:00:01' })
    fs.writeFileSync(file, good)
    const first = await start(at)
    await first.store.writeStatus(nic('a'), { guestState: 'Running' })
    replace(file, interfaceManifest('a', { mac: '52:54:00:00:00:02', mtu: 1400 }))
    const wanted = {
      reason: 'FieldImmutable',
      fields: [{ field: 'mac', from: '52:54:00:00:00:01', to: '52:54:00:00:00:02' }],
    }
    await vi.waitFor(() => expect(first.store.rejection(nic('a'))).toMatchObject(wanted))
    expect(first.woken).toEqual(['GuestInterface/a'])
    first.stop()
    const second = await start(at)
    expect(second.store.rejection(nic('a'))).toMatchObject(wanted)
    const { spec, metadata } = second.store.get('GuestInterface', 'a', 'default')!
    expect(spec.mac).toBe('52:54:00:00:00:01')
    expect(spec.mtu).toBeUndefined()
    expect(metadata.generation).toBe(1)
    replace(file, good)
    await vi.waitFor(() => expect(second.store.rejection(nic('a'))).toBeUndefined())
    expect(second.woken).toEqual(['GuestInterface/a'])
  })
})
