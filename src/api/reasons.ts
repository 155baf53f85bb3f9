/**
 * Every reason that a condition of ours can carry: what it means, and how kstatus is to read it.
 * Stalled: nothing moves until a person changes something. Reconciling: it comes right by itself once what it waits for happens.
 */
export type Stance = 'Done' | 'Reconciling' | 'Stalled'

interface Meaning {
  stance: Stance
  meaning: string
}

const done = (meaning: string): Meaning => ({ stance: 'Done', meaning })
const waits = (meaning: string): Meaning => ({ stance: 'Reconciling', meaning })
const stalled = (meaning: string): Meaning => ({ stance: 'Stalled', meaning })

export const reasons = {
  GuestFound: done('The guest is on this host.'),
  Resolved: done('Interface, port group and network come to one set of settings.'),
  PortAllocated: done('The interface holds its port.'),
  InSync: done('Live and saved definition, the kernel and Open vSwitch show what the manifests say.'),
  NoRestartNeeded: done('The running guest has all settings.'),
  ChangedAtNextBoot: done(
    'The saved definition is changed; the running guest takes it over at its next start.',
  ),
  Accepted: done('The object is in force on this host.'),
  NoHostSelected: done('The object selects no host, and so is in force on none.'),
  HostsPending: waits('Not all hosts have told how it stands there; the message names those that have not.'),
  NotReached: waits('An earlier condition stands in the way; this one was not looked at.'),
  Binding: waits('The interface is bound to a host, whose agent has not looked at it yet.'),
  GuestNotFound: waits(
    'No guest of this name or UUID is on the host; of an interface that is bound to none: on no host, or not on the one that spec.hostName names.',
  ),
  GuestAmbiguous: stalled(
    'More than one host has a guest that the interface can mean; spec.hostName names one.',
  ),
  AgentSilent: waits('The agent of the host has not been heard of for a while; what it last did stands.'),
  PinnedElsewhere: waits('spec.hostName names another host; nothing of the interface is kept on this one.'),
  Moving: waits('The interface moves to another host, and its old one has let go of it.'),
  PoolExhausted: waits('Every device of the pool is held; the interface takes its turn when one is freed.'),
  DeviceInUse: waits(
    'The devices of the pool carry an address or the default route, are enslaved, or belong to a guest of somebody else; or another running guest is on a device that the interface should have to itself.',
  ),
  DeviceNotFound: waits('The host has none of the devices that the manifest names.'),
  GuestNotReleasing: waits(
    'The guest has not let go of the device; the port is held until libvirt and the kernel show it free.',
  ),
  NetworkNotActive: waits('libvirt has no network of this name, or does not run it.'),
  NetworkChanging: waits('The network is being changed; the message says what that costs.'),
  NetworkInUse: waits(
    'Guests use a network that is to go, or whose bridge goes with a change; it goes when they have left it.',
  ),
  LibvirtUnavailable: waits('libvirt does not answer; what it last did stands.'),
  ApplyFailed: waits('A step failed; what had been applied is read back and the step is tried again.'),
  NotVerified: waits('libvirt reported success, but the host does not show the change.'),
  LiveChangeRefused: stalled('A setting cannot be changed while the guest runs; nothing was touched.'),
  ApplyRejected: stalled('libvirt rejects this configuration; nothing of it stays.'),
  NoFreeSlot: stalled(
    'The running guest has no free slot for another NIC; the saved definition has it, for the next start.',
  ),
  InvalidManifest: stalled('The newest manifest is not valid; the last accepted one stands.'),
  NetworkNotFound: stalled('No Network of this name selects the host.'),
  NetworkAmbiguous: stalled('More than one Network of this name selects the host.'),
  PortGroupNotFound: stalled('The network has no port group of this name on the host.'),
  PortGroupAmbiguous: stalled(
    'More than one PortGroup of this name, or more than one default, selects the host.',
  ),
  NamespaceNotAllowed: stalled("The Network's allowedNamespaces do not hold the interface's namespace."),
  NetworkNotOwned: stalled('libvirt has a network of this name that somebody else made; it is left alone.'),
  BridgeNameTaken: stalled(
    'The bridge that the network is to have is a link of the host, or of another network.',
  ),
  LeasesExceedRanges: waits(
    'The DHCP ranges would have less addresses than are lent; dnsmasq would not start.',
  ),
  AddressInUse: stalled('The host has an address or a route in the subnet of the network.'),
  RestartRequired: stalled('The change needs a restart of the running network; nothing was touched.'),
  PortGroupReserved: stalled('The name of the port group is one that every network of ours has for itself.'),
  PoolEmpty: stalled('The Network has a pool mode and names no device.'),
  VirtualPortNotAllowed: stalled('A virtual port of this type is not possible on this kind of port.'),
  VirtualPortConflict: stalled('Two layers set a virtual port parameter to different values.'),
  VirtualPortIncomplete: stalled('The virtual port lacks a parameter that its type needs.'),
  SettingNotSupported: stalled('The setting is not possible on this kind of port.'),
  HostSourceNotAllowed: stalled(
    'The interface names a device or a file of the host, and its namespace lacks the label patchbay.dev/host-sources=allowed.',
  ),
  MacDuplicate: stalled('Another interface in the cluster has the same MAC address.'),
  NotOwned: stalled("The guest is not granted to the interface's namespace."),
  OwnerAmbiguous: stalled('GuestGrants give the guest to more than one namespace.'),
  MacConflict: stalled(
    'An interface of the guest that is not ours has this MAC address, or nothing tells which of several with it is meant.',
  ),
  TargetDeviceExists: stalled('A link with the name of the target device exists already.'),
} as const satisfies Record<string, Meaning>

export type Reason = keyof typeof reasons
