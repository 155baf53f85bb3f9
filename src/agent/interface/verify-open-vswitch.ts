/** Whether Open vSwitch has a port as the settings say: bridge, VLANs, ids and rates. */
import type { Bandwidth, InterfaceSettings, Vlan } from '../../api/settings.ts'
import { type OpenVswitchPort, readOpenVswitchPort } from '../../host/open-vswitch.ts'

/** What is wrong, in sentences. */
export async function verifyOpenVswitchPort(
  device: string,
  bridge: string,
  { vlan, virtualPort, bandwidth }: InterfaceSettings,
  signal: AbortSignal,
): Promise<string[]> {
  const port = await readOpenVswitchPort(device, signal)
  if (port?.bridge !== bridge) {
    return [`${device} is plugged into ${port?.bridge ?? 'nothing'}, not into ${bridge}`]
  }
  const { externalIds } = port
  return [
    differing(device, 'VLAN', shownVlan(port), wantedVlan(vlan)),
    differing(device, 'iface-id', externalIds['iface-id'] ?? 'none', virtualPort?.interfaceID?.toLowerCase()),
    differing(
      device,
      'port-profile',
      externalIds['port-profile'] ?? 'none',
      virtualPort?.profileID ?? 'none',
    ),
    differing(device, 'rate', shownRates(port), wantedRates(bandwidth)),
  ].flatMap((problem) => problem ?? [])
}

/** `wanted` undefined: any value is right. */
function differing(device: string, what: string, shown: string, wanted: string | undefined) {
  if (wanted === undefined || shown === wanted) return undefined
  return `Open vSwitch has ${device} with ${what} ${shown}, not ${wanted}`
}

function shownVlan({ tag, trunks, vlanMode }: OpenVswitchPort): string {
  return vlanText(tag, trunks, vlanMode)
}

/**
 * As libvirt hands it to Open vSwitch: one tag of an access port, or all of a trunk, the native one among them. A native tag
 * alone comes without a list, which is a trunk of all VLANs.
 */
function wantedVlan(vlan: Vlan | undefined): string {
  if (!vlan) return vlanText(undefined, [], undefined)
  const ids = vlan.tags.map(({ id }) => id)
  const native = vlan.tags.find(({ nativeMode }) => nativeMode !== undefined)
  const mode = native && `native-${native.nativeMode}`
  const isTrunk = vlan.trunk || ids.length > 1
  return isTrunk ? vlanText(native?.id, ids, mode) : vlanText(ids[0], [], mode)
}

function vlanText(tag: number | undefined, trunks: number[], mode: string | undefined): string {
  const parts = [
    ...(tag === undefined ? [] : [`tag ${tag}`]),
    ...(trunks.length === 0 ? [] : [`trunk ${trunks.toSorted((a, b) => a - b).join(',')}`]),
    ...(mode === undefined ? [] : [mode]),
  ]
  return parts.join(' ') || 'none'
}

function shownRates({ qos, policingRate }: OpenVswitchPort): string {
  return ratesText(qos?.['min-rate'], qos?.['max-rate'], policingRate)
}

/** libvirt's 1 KiB/s is 8,000 bits/s here, and 8 kbit/s. */
function wantedRates({ inbound, outbound }: Bandwidth = {}): string {
  const bits = (rate: number | undefined) => (rate === undefined ? undefined : String(rate * 8_000))
  return ratesText(bits(inbound?.average), bits(inbound?.peak), (outbound?.average ?? 0) * 8)
}

function ratesText(min: string | undefined, max: string | undefined, policing: number): string {
  const parts = [
    ...(min === undefined ? [] : [`min-rate ${min}`]),
    ...(max === undefined ? [] : [`max-rate ${max}`]),
    ...(policing === 0 ? [] : [`ingress_policing_rate ${policing}`]),
  ]
  return parts.join(' ') || 'none'
}
