/** What a host's libvirt and QEMU can do with a running interface. */
export interface Capabilities {
  /** 1,000,000 × major + 1,000 × minor + release, as libvirt counts. */
  libvirt: number
  qemu: number
  /** trustGuestRxFilters changes in place; before 10.0 libvirt says yes and applies nothing. */
  trustGuestRxFiltersLive: boolean
  /** An interface can leave or enter an Open vSwitch bridge in place; before 10.8 only Linux bridge to Linux bridge. */
  openVswitchBridgeChange: boolean
  /** The virtual port of an interface on a bridge changes in place. */
  virtualPortChange: boolean
  /** A running interface that libvirt gave a device of a pool is to be updated as `type='network'`, as its live XML shows it. */
  updateAsNetwork: boolean
  /** VLANs on Linux bridges that filter them. */
  bridgeVlan: boolean
}

/** The versions are those in which libvirt's behaviour changed; there is nothing to ask a server for these. */
export function capabilitiesOf(versions: { libvirt: number; qemu: number }): Capabilities {
  const { libvirt, qemu } = versions
  return {
    libvirt,
    qemu,
    trustGuestRxFiltersLive: libvirt >= version(10, 0),
    openVswitchBridgeChange: libvirt >= version(10, 8),
    virtualPortChange: libvirt >= version(10, 8),
    updateAsNetwork: libvirt >= version(10, 8),
    bridgeVlan: libvirt >= version(11, 0),
  }
}

/** `9.0.0` for 9000000. */
export function versionText(number: number): string {
  return `${Math.floor(number / 1_000_000)}.${Math.floor(number / 1_000) % 1_000}.${number % 1_000}`
}

function version(major: number, minor: number): number {
  return major * 1_000_000 + minor * 1_000
}
