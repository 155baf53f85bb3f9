import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { readState } from '../../../../src/store/directory/read-state.ts'
import { interfaceManifest, nic, type Place, place, Running, replace, start } from './harness.ts'

const fileOf = (at: Place, name: string) => join(at.state, 'guestinterface/default', `${name}.json`)
const read = (at: Place, name: string) => JSON.parse(fs.readFileSync(fileOf(at, name), 'utf8'))

function withManifests(...names: string[]): Place {
  const at = place()
  for (const name of names) fs.writeFileSync(join(at.manifests, `${name}.yaml`), interfaceManifest(name))
  return at
}

describe('what is written', () => {
  test('the whole object, and it is there again after a restart', async () => {
    const at = withManifests('a')
    const first = await start(at)
    await first.store.writeStatus(nic('a'), { guestState: 'Running', observedGeneration: 1 })
    const object = first.store.get('GuestInterface', 'a', 'default')
    expect(read(at, 'a')).toEqual(object)
    first.stop()
    const second = await start(at)
    expect(second.store.get('GuestInterface', 'a', 'default')).toEqual(object)
  })

  test('one write for a new spec and the status that speaks of it; none for an equal status', async () => {
    const at = withManifests('a')
    const { store } = await start(at)
    await store.writeStatus(nic('a'), { observedGeneration: 1, guestState: 'Off' })
    const renamed: (string | null)[] = []
    const watcher = fs.watch(join(at.state, 'guestinterface/default'), (event, name) => {
      if (event === 'rename' && name?.endsWith('.json')) renamed.push(name)
    })
    try {
      replace(join(at.manifests, 'a.yaml'), interfaceManifest('a', { mtu: 1400 }))
      await vi.waitFor(() => expect(store.get('GuestInterface', 'a', 'default')?.metadata.generation).toBe(2))
      await store.writeStatus(nic('a'), { observedGeneration: 2, guestState: 'Off' })
      await store.writeStatus(nic('a'), { guestState: 'Off', observedGeneration: 2, mac: undefined })
      await store.writeStatus(nic('a'), { observedGeneration: 2, guestState: 'Off' }, true)
      fs.writeFileSync(join(at.state, 'guestinterface/default/last.json'), '')
      await vi.waitFor(() => expect(renamed).toContain('last.json'))
      expect(renamed).toEqual(['a.json', 'last.json'])
      expect(read(at, 'a')).toMatchObject({ spec: { mtu: 1400 }, metadata: { generation: 2 } })
    } finally {
      watcher.close()
    }
  })

  test('an accepted spec without status is written when the agent ends', async () => {
    const at = withManifests('a')
    const running = await start(at)
    expect(fs.existsSync(fileOf(at, 'a'))).toBe(false)
    running.stop()
    expect(read(at, 'a').metadata).toEqual(running.store.get('GuestInterface', 'a', 'default')?.metadata)
  })

  test('what the store hands out cannot be changed', async () => {
    const at = withManifests('a')
    const { store } = await start(at)
    await store.writeStatus(nic('a'), { conditions: [] })
    const object = store.get('GuestInterface', 'a', 'default')!
    expect(() => {
      object.status!.guestState = 'Off'
    }).toThrow(TypeError)
  })

  test('names as long as Kubernetes takes them', async () => {
    const long = `${'a'.repeat(200)}.${'b'.repeat(52)}`
    const other = `${'a'.repeat(200)}.${'b'.repeat(51)}c`
    const at = place()
    fs.writeFileSync(
      join(at.manifests, 'a.yaml'),
      `${interfaceManifest(long)}---\n${interfaceManifest(other)}`,
    )
    const first = await start(at)
    await first.store.writeStatus(nic(long), { guestState: 'Off' }, true)
    await first.store.writeStatus(nic(other), { guestState: 'Unknown' }, true)
    first.stop()
    const { store } = await start(at)
    expect(store.get('GuestInterface', long, 'default')?.status?.guestState).toBe('Off')
    expect(store.get('GuestInterface', other, 'default')?.status?.guestState).toBe('Unknown')
    expect(store.problems()).toEqual([])
  })

  test('the last of many writes at once stands, in memory and on disk, durable or not', async () => {
    const at = withManifests('a')
    const { store } = await start(at)
    const writes = fc.array(fc.record({ queue: fc.nat(1000), durable: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    })
    await fc.assert(
      fc.asyncProperty(writes, async (each) => {
        await Promise.all(
          each.map(({ queue, durable }) =>
            store.writeStatus(nic('a'), { observedGeneration: queue }, durable),
          ),
        )
        expect(read(at, 'a').status).toEqual(store.get('GuestInterface', 'a', 'default')?.status)
        expect(read(at, 'a').status.observedGeneration).toBe(each.at(-1)?.queue)
      }),
      { numRuns: 50 },
    )
    expect(fs.readdirSync(join(at.state, 'guestinterface/default'))).toEqual(['a.json'])
  })

  test('a full or read-only disk: the write is rejected, the old status stands, and it goes on when there is room', () => {
    const script = join(import.meta.dirname, 'full-disk.ts')
    // A file system of its own that is too small, in a mount namespace of its own.
    const output = execFileSync(
      'unshare',
      ['-m', 'sh', '-c', 'mount -t tmpfs -o size=256k none /mnt && exec "$0" "$1"', process.execPath, script],
      { encoding: 'utf8' },
    )
    expect(JSON.parse(output)).toEqual({
      full: expect.stringMatching(/cannot write .*a\.json: ENOSPC/),
      statusWhenFull: { guestState: 'Off' },
      fileWhenFull: { guestState: 'Off' },
      afterwards: { guestState: 'Unknown' },
      readOnly: expect.stringMatching(/cannot write .*a\.json: EROFS/),
      statusWhenReadOnly: { guestState: 'Unknown' },
      names: ['a.json'],
    })
  })
})

describe('what is found', () => {
  const bad: [string, string][] = [
    ['empty', ''],
    ['torn', '{"apiVersion": "patchbay.dev/v1alpha1", "kind": "GuestInt'],
    ['no object', '[]'],
    ['of another kind', '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}'],
    [
      'a name that leads out',
      '{"apiVersion":"patchbay.dev/v1alpha1","kind":"Network","metadata":{"name":"../x"},"spec":{}}',
    ],
    [
      'a port that nobody can read',
      '{"apiVersion":"patchbay.dev/v1alpha1","kind":"GuestInterface","metadata":{"name":"a","namespace":"default","uid":"1","generation":1,"creationTimestamp":"t"},"spec":{},"status":{"port":{"kind":"direct","name":"eth1","hostName":"h"}}}',
    ],
    ['not even text', '\u0000\u0001\ufffd'],
  ]
  test.each(bad)('a file that is %s is set aside with its content, and the others load', async (_, text) => {
    const at = withManifests('a', 'b')
    const first = await start(at)
    for (const name of ['a', 'b']) await first.store.writeStatus(nic(name), { guestState: 'Off' })
    first.stop()
    fs.writeFileSync(fileOf(at, 'a'), text)
    const { store, logged } = await start(at)
    expect(store.get('GuestInterface', 'b', 'default')?.status?.guestState).toBe('Off')
    expect(store.get('GuestInterface', 'a', 'default')?.status).toBeUndefined()
    expect(store.problems()).toEqual([
      { file: fileOf(at, 'a'), message: expect.stringMatching(/set aside as/) },
    ])
    expect(logged).toHaveLength(1)
    const aside = fs
      .readdirSync(join(at.state, 'guestinterface/default'))
      .filter((f) => f.includes('.corrupt-'))
    expect(aside).toHaveLength(1)
    expect(fs.readFileSync(join(at.state, 'guestinterface/default', aside[0]!), 'utf8')).toBe(text)
    await store.writeStatus(nic('a'), { guestState: 'Running' })
    expect(read(at, 'a').status).toEqual({ guestState: 'Running' })
  })

  test('a file in the place of another object is set aside; what a crash left half written is removed', async () => {
    const at = withManifests('a', 'b')
    const first = await start(at)
    await first.store.writeStatus(nic('a'), { guestState: 'Off' })
    first.stop()
    fs.copyFileSync(fileOf(at, 'a'), fileOf(at, 'b'))
    fs.writeFileSync(join(at.state, 'guestinterface/default/.a.json.tmp'), '{"apiV')
    const { store } = await start(at)
    expect(store.get('GuestInterface', 'a', 'default')?.status?.guestState).toBe('Off')
    expect(store.get('GuestInterface', 'b', 'default')?.status).toBeUndefined()
    expect(store.problems()).toHaveLength(1)
    expect(fs.existsSync(join(at.state, 'guestinterface/default/.a.json.tmp'))).toBe(false)
  })

  test('whoever only looks changes nothing', async () => {
    const at = withManifests('a', 'b')
    const first = await start(at)
    for (const name of ['a', 'b']) await first.store.writeStatus(nic(name), { guestState: 'Off' })
    first.stop()
    fs.writeFileSync(fileOf(at, 'a'), '{')
    fs.writeFileSync(join(at.state, 'guestinterface/default/.b.json.tmp'), '{')
    const before = fs.readdirSync(join(at.state, 'guestinterface/default'))
    const { objects, problems } = readState(at.state)
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['b'])
    expect(problems.map(({ file }) => file)).toEqual([fileOf(at, 'a')])
    expect(fs.readdirSync(join(at.state, 'guestinterface/default'))).toEqual(before)
  })
})

describe('directories that cannot serve', () => {
  const cases: [string, (at: Place) => Place, RegExp][] = [
    [
      'no manifests',
      (at) => ({ ...at, manifests: join(at.manifests, 'none') }),
      /there is no directory .*none \(manifests\)/,
    ],
    [
      'manifests that are a file',
      (at) => {
        fs.writeFileSync(join(at.manifests, 'x'), '')
        return { ...at, manifests: join(at.manifests, 'x') }
      },
      /x \(manifests\) is not a directory/,
    ],
    [
      'state that is a file',
      (at) => {
        fs.writeFileSync(at.state, '')
        return at
      },
      /state \(state\) is not a directory/,
    ],
    [
      'state in manifests',
      (at) => ({ ...at, state: join(at.manifests, 'deep/state') }),
      /is inside the directory of manifests/,
    ],
    [
      'state in manifests by a symlink',
      (at) => {
        fs.symlinkSync(at.manifests, `${at.manifests}-link`)
        return { ...at, state: join(`${at.manifests}-link`, 'state') }
      },
      /is inside the directory of manifests/,
    ],
    [
      'manifests in state',
      (at) => {
        fs.mkdirSync(join(at.state, 'm'), { recursive: true })
        return { ...at, manifests: join(at.state, 'm') }
      },
      /is inside the state directory/,
    ],
    ['one for both', (at) => ({ ...at, state: at.manifests }), /cannot hold both/],
  ]
  test.each(cases)('%s', (_, make, message) => {
    expect(() => new Running(make(place()))).toThrow(message)
  })
})
