import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { AdoptionMark } from '../../../../src/core/adoption/marks.ts'
import {
  adoptionElement,
  marksInDomain,
  readMarks,
  renderMarks,
} from '../../../../src/libvirt/xml/adoption-marks.ts'
import { readDomain } from '../../../../src/libvirt/xml/domain.ts'

const mark: AdoptionMark = {
  namespace: 'default',
  name: 'vm1',
  mac: '52:54:00:00:00:01',
  address: '0000:01:00.0',
}

/** As libvirt prints what `setMetadata` was given. */
function inMetadata(marks: readonly AdoptionMark[], others = ''): string {
  const own = renderMarks(marks)!
    .replaceAll(/<(\/?)(adopted|interface)/g, '<$1patchbay:$2')
    .replace('adopted', `adopted xmlns:patchbay="${adoptionElement.uri}"`)
  return `<domain type='qemu'><name>g</name><uuid>u</uuid><metadata>${others}${own}</metadata><devices>
    <interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/></interface></devices></domain>`
}

test('what is written is read back, from the element and from the definition', () => {
  const text = fc.string({ minLength: 1, unit: fc.constantFrom(...`ab-.:<>&'"`) })
  const marks = fc.array(
    fc.record(
      { namespace: text, name: text, mac: text, address: text },
      { requiredKeys: ['namespace', 'name', 'mac'] },
    ),
    { minLength: 1 },
  )
  fc.assert(
    fc.property(marks, (all) => {
      expect(readMarks(renderMarks(all)!)).toEqual(all)
      expect(marksInDomain(inMetadata(all))).toEqual(all)
    }),
  )
  expect(renderMarks([])).toBeUndefined()
})

test.each([
  ['beside them', `<app:note xmlns:app="http://app" secret="&lt;metadata>"><app:interface/></app:note>`],
  [
    'a comment and CDATA of theirs',
    '<!-- <patchbay:adopted/> --><a:b xmlns:a="x"><![CDATA[</metadata>]]></a:b>',
  ],
])('elements of others do no harm: %s', (_, others) => {
  const domain = readDomain(inMetadata([mark], others))
  expect(domain.marks).toEqual([mark])
  expect(domain.interfaces[0]?.definition.adoptedBy).toEqual({ namespace: 'default', name: 'vm1' })
})

test.each([
  ['no metadata', `<domain><name>${adoptionElement.uri}</name></domain>`],
  [
    'our prefix with another namespace',
    `<domain><metadata><patchbay:adopted xmlns:patchbay="other"><interface namespace="a" name="b" mac="c"/></patchbay:adopted> ${adoptionElement.uri}</metadata></domain>`,
  ],
  [
    'an element inside one of somebody else',
    `<domain><metadata><a:b xmlns:a="x"><patchbay:adopted xmlns:patchbay="${adoptionElement.uri}"><interface namespace="a" name="b" mac="c"/></patchbay:adopted></a:b></metadata></domain>`,
  ],
  [
    'an entry without a MAC address',
    `<domain><metadata><p:adopted xmlns:p="${adoptionElement.uri}"><p:interface namespace="a" name="b"/></p:adopted></metadata></domain>`,
  ],
])('no mark: %s', (_, xml) => {
  expect(marksInDomain(xml)).toEqual([])
})
