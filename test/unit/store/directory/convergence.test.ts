/** Whatever is done to the files, the store ends with what they say; whenever it is killed, what it wrote is whole. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { readState } from '../../../../src/store/directory/read-state.ts'
import { interfaceManifest, place, start } from './harness.ts'

interface Step {
  file: string
  /** What the file holds then, one object each; `broken` follows them. Absent: the file goes. */
  objects?: { name: string; mtu: number }[]
  broken: boolean
  how: 'write' | 'rename' | 'pieces'
}

const files = ['a.yaml', 'b.yml', 'sub/c.yaml', 'sub/deep/d.yaml']
// Each object belongs into one file only, so that the end is clear.
const step = fc.integer({ min: 0, max: files.length - 1 }).chain((n) =>
  fc.record<Step>({
    file: fc.constant(files[n]!),
    objects: fc.option(
      fc.uniqueArray(
        fc.record({ name: fc.constantFrom(`x${n}`, `y${n}`), mtu: fc.integer({ min: 1000, max: 1009 }) }),
        { selector: ({ name }) => name, maxLength: 2 },
      ),
      { nil: undefined },
    ),
    broken: fc.integer({ min: 0, max: 9 }).map((n) => n === 9),
    how: fc.constantFrom('write', 'rename', 'pieces'),
  }),
)

function textOf({ objects = [], broken }: Step): string {
  const documents = objects.map(({ name, mtu }) => interfaceManifest(name, { mtu }))
  return [...documents, ...(broken ? ['kind: [\n'] : [])].join('---\n')
}

async function carryOut(root: string, step: Step): Promise<void> {
  const path = join(root, step.file)
  const text = textOf(step)
  fs.mkdirSync(join(path, '..'), { recursive: true })
  if (step.objects === undefined) fs.rmSync(path, { force: true })
  else if (step.how === 'write') fs.writeFileSync(path, text)
  else if (step.how === 'rename') {
    fs.writeFileSync(`${path}.new`, text)
    fs.renameSync(`${path}.new`, path)
  } else {
    const descriptor = fs.openSync(path, 'w')
    for (const piece of text.match(/[\s\S]{1,60}/g) ?? []) {
      fs.writeSync(descriptor, piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    fs.closeSync(descriptor)
  }
}

test('random edits end in what the files say', { timeout: 120_000 }, async () => {
  const runs = fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(runs, async (bursts) => {
      const at = place()
      const running = await start(at)
      const { store } = running
      const last = new Map<string, Step>()
      const mtus = () =>
        Object.fromEntries(
          store
            .list('GuestInterface')
            .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
            .map(({ metadata, spec }) => [metadata.name, spec.mtu]),
        )
      for (const steps of bursts) {
        for (const each of steps) {
          await carryOut(at.manifests, each)
          last.set(each.file, each)
        }
        // What is not broken is believed; what a broken file held before is nobody's guess here.
        const whole = [...last.values()].filter(({ broken, objects }) => !broken || objects === undefined)
        const said = whole.flatMap(({ objects = [] }) => objects)
        const anyBroken = whole.length < last.size
        await vi.waitFor(
          () => {
            const there = mtus()
            for (const { name, mtu } of said) expect(there[name]).toBe(mtu)
            if (!anyBroken) expect(Object.keys(there).sort()).toEqual(said.map(({ name }) => name).sort())
          },
          { timeout: 5000 },
        )
      }
      running.stop()
    }),
    { numRuns: 25 },
  )
})

test('kill -9 while it writes: every state file is whole, old or new', { timeout: 60_000 }, async () => {
  const at = place()
  for (let n = 0; n < 5; n++) fs.writeFileSync(join(at.manifests, `${n}.yaml`), interfaceManifest(`nic${n}`))
  for (const delay of [0, 3, 10, 25, 60]) {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.ts'), at.manifests, at.state])
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await new Promise((resolve) => setTimeout(resolve, delay))
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    const { objects, problems } = readState(at.state)
    expect(problems).toEqual([])
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(['nic0', 'nic1', 'nic2', 'nic3', 'nic4'])
    const generations = objects.map(({ status }) => status?.observedGeneration ?? 0)
    expect(Math.max(...generations) - Math.min(...generations)).toBeLessThanOrEqual(1)
  }
})
