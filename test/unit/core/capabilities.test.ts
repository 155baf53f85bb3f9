import { describe, expect, test } from 'vitest'
import { capabilitiesOf, versionText } from '../../../src/core/capabilities.ts'

describe('what libvirt can do with a running interface, by its version', () => {
  const from10_0 = ['trustGuestRxFiltersLive']
  const from10_8 = [...from10_0, 'openVswitchBridgeChange', 'virtualPortChange', 'updateAsNetwork']
  test.each([
    ['9.0.0, Debian 12', 9_000_000, []],
    ['9.10.0', 9_010_000, []],
    ['10.0.0', 10_000_000, from10_0],
    ['10.7.0', 10_007_000, from10_0],
    ['10.8.0', 10_008_000, from10_8],
    ['10.10.0', 10_010_000, from10_8],
    ['11.0.0', 11_000_000, [...from10_8, 'bridgeVlan']],
    ['11.3.0, Debian 13', 11_003_000, [...from10_8, 'bridgeVlan']],
  ])('%s', (_, libvirt, able) => {
    const { libvirt: version, qemu, ...abilities } = capabilitiesOf({ libvirt, qemu: 7_002_000 })
    expect({ version, qemu }).toEqual({ version: libvirt, qemu: 7_002_000 })
    expect(
      Object.entries(abilities)
        .flatMap(([name, is]) => (is ? [name] : []))
        .sort(),
    ).toEqual([...able].sort())
  })
})

test.each([
  [9_000_000, '9.0.0'],
  [7_002_022, '7.2.22'],
  [10_010_001, '10.10.1'],
])('%i is version %s', (number, text) => {
  expect(versionText(number)).toBe(text)
})
