/** The arguments of `patchbay plan`; what it answers needs a libvirt, and stands in test/libvirt/plan.test.ts. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patchbay } from './patchbay.ts'

let root: string
let good: string

beforeAll(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'patchbay-plan-'))
  good = join(root, 'good.yaml')
  fs.writeFileSync(
    good,
    JSON.stringify({
      apiVersion: 'patchbay.dev/v1alpha1',
      kind: 'GuestInterface',
      metadata: { name: 'lan' },
      spec: { guest: { name: 'vm1' }, source: { bridge: { name: 'br0' } } },
    }),
  )
})
afterAll(() => fs.rmSync(root, { recursive: true }))

describe('what is wrong is said, with the right use, and nothing is answered', () => {
  test.each([
    ['no manifests', [], /-f, --file/],
    ['an option there is not', ['-f', '.', '--state', '/tmp'], /unknown option '--state'/],
    ['a format there is not', ['-f', '.', '-o', 'xml'], /Allowed choices are table, json, yaml/],
    ['a name that no host has', ['-f', '.', '--host-name', 'A_B'], /not a host name in lower case/],
    ['a label without a value', ['-f', '.', '--host-label', 'zone'], /a label is KEY=VALUE/],
  ])('%s', (_, args, message) => {
    const { code, out, error } = patchbay('plan', ...args)
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(error).toMatch(message)
    expect(error).toContain('usage: patchbay plan -f PATH...')
  })
})

test('manifests that are not valid are told by file, line and field, before libvirt is asked', () => {
  const bad = join(root, 'bad.yaml')
  fs.writeFileSync(bad, fs.readFileSync(good, 'utf8').replace('"br0"', '7'))
  const { code, out, error } = patchbay('plan', '-f', bad, '--libvirt', join(root, 'nowhere'))
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(error).toContain(`${bad}:1`)
  expect(error).toContain('spec.source.bridge.name')
  expect(error).not.toContain('libvirt')
})
