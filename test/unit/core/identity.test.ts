import fc from 'fast-check'
import { expect, test } from 'vitest'
import { aliasOf, interfaceOfAlias, nameOf, namespaceOf } from '../../../src/core/identity.ts'
import { guestInterface } from './manifests.ts'

test.each([
  ['default', 'vm1-data', 'ua-patchbay-default_vm1-data'],
  ['a-b', 'vm1.example.org', 'ua-patchbay-a-b_vm1_example_org'],
])('%s/%s is %s', (namespace, name, alias) => {
  expect(aliasOf(namespace, name)).toBe(alias)
  expect(interfaceOfAlias(alias)).toEqual({ namespace, name })
})

test.each([
  undefined,
  '',
  'net0',
  'ua-mine',
  'ua-patchbay-',
  'ua-patchbay-default',
  'ua-patchbay-default_',
  'ua-patchbay-_vm1',
])('%s is no alias of ours', (alias) => {
  expect(interfaceOfAlias(alias)).toBeUndefined()
})

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/)
const subdomain = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'))

test('whatever the names, libvirt takes the alias and it is read back', () => {
  fc.assert(
    fc.property(label, subdomain, (namespace, name) => {
      const alias = aliasOf(namespace, name)
      expect(alias).toMatch(/^ua-[A-Za-z0-9_-]+$/)
      expect(interfaceOfAlias(alias)).toEqual({ namespace, name })
    }),
  )
})

test('an interface without a namespace is in default', () => {
  const resource = guestInterface({})
  expect(nameOf(resource)).toBe('default/vm1-data')
  resource.metadata.namespace = undefined
  expect(namespaceOf(resource)).toBe('default')
  expect(nameOf(resource)).toBe('default/vm1-data')
})
