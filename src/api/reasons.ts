/**
 * Every reason that a condition of ours can carry: what it means, how kstatus is to read it, and what a person can do about it.
 * Stalled: nothing moves until a person changes something. Reconciling: it comes right by itself once what it waits for happens.
 * Passing: the next step of ours is on its way, and Ready alone says so.
 */
export type Stance = 'Done' | 'Passing' | 'Reconciling' | 'Stalled'

type Meaning =
  | { stance: 'Done'; meaning: string }
  | {
      stance: Exclude<Stance, 'Done'>
      meaning: string
      /** How to look, and what to do; in Markdown, for docs/reference/conditions.md. */
      remedy: string
    }

const done = (meaning: string) => ({ stance: 'Done' as const, meaning })
const passes = (meaning: string, remedy: string) => ({ stance: 'Passing' as const, meaning, remedy })
const waits = (meaning: string, remedy: string) => ({ stance: 'Reconciling' as const, meaning, remedy })
const stalled = (meaning: string, remedy: string) => ({ stance: 'Stalled' as const, meaning, remedy })

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
  HostsPending: waits(
    'Not all hosts have told how it stands there; the message names those that have not.',
    'On a host that answers this passes within seconds. `kubectl get pbhost` shows whether the agents of those that are named run; of one that is silent, go on with `AgentSilent`.',
  ),
  NotReached: passes(
    'An earlier condition stands in the way; this one was not looked at.',
    'Look at the first condition that is not True: `Ready` has its reason. Where `Ready` itself says this, nothing has been looked at yet, the NIC is about to be plugged in, or the controller gives a reason that this older agent does not know: its message says what to do.',
  ),
  HostGone: waits(
    'The host that the interface is bound to is gone with its Node, and its guest is on no other host; what it had there is recorded still.',
    'Define the guest on another host, and the interface follows; where the host comes back with a Node of its name, it goes on there. Delete the interface if neither is to be: nothing holds it.',
  ),
  Binding: passes(
    'The interface is bound to a host, whose agent has not looked at it yet.',
    'Takes a second. If it stays, the agent of that host is not at work: `kubectl get pbhost HOST`, then its pod.',
  ),
  GuestNotFound: waits(
    'No guest of this name or UUID is on the host; of an interface that is bound to none: on no host, or not on the one that spec.hostName names.',
    'Define the guest, or correct `spec.guest` (immutable: remove the interface and make it anew) or `spec.hostName`. `virsh list --all` on the host, or `kubectl get pbhost HOST -o yaml`, has the guests that an agent sees. A guest that is defined again gets its interface back.',
  ),
  GuestAmbiguous: stalled(
    'More than one host has a guest that the interface can mean; spec.hostName names one.',
    'The message names the hosts. Undefine the copy that is left over (`virsh undefine` on that host), or set `spec.hostName`. A guest that runs on one of them and is merely defined on others is not ambiguous.',
  ),
  AgentSilent: waits(
    'The agent of the host has not been heard of for a while; what it last did stands.',
    'Guests there keep their interfaces. See why: `kubectl get node HOST`, `kubectl -n patchbay-system get pods -o wide`, the log of the pod there. A host that never comes back: `kubectl delete node HOST`, and nobody waits for it any more. Do this only when its guests are really off: they may be defined elsewhere next.',
  ),
  PinnedElsewhere: waits(
    'spec.hostName names another host; nothing of the interface is kept on this one.',
    'Nothing, if that is what is meant; else change `spec.hostName` or take it away.',
  ),
  Moving: waits(
    'The interface moves to another host, and its old one has let go of it.',
    'Takes a second. If it stays, see whether the controller runs: `kubectl -n patchbay-system get lease,pods`.',
  ),
  Released: waits(
    'The interface is deleted, and its host has let go of it.',
    'Takes a second. If it stays, see whether the controller runs: `kubectl -n patchbay-system get lease,pods`.',
  ),
  PoolExhausted: waits(
    'Every device of the pool is held; the interface takes its turn when one is freed.',
    'The message says by whom each device is held. Remove an interface, or add a device to `forward.interfaces` of the Network. A guest that is off keeps its port.',
  ),
  DeviceInUse: waits(
    'The devices of the pool carry an address or the default route, are enslaved, or belong to a guest of somebody else; or another running guest is on a device that the interface should have to itself.',
    "The message names device and user. Free it on the host (`ip -br addr`, `ip -d link show DEV`, `virsh domiflist GUEST`), name another one, or bring the other guest's interface under Patchbay too (`patchbay import`).",
  ),
  DeviceNotFound: waits(
    'The host has none of the devices that the manifest names.',
    '`ip -br link` on the host shows what it has. Create the link or bridge, or correct the name; the agent notices a new link by itself.',
  ),
  GuestNotReleasing: waits(
    'The guest has not let go of the device; the port is held until libvirt and the kernel show it free.',
    "A NIC is unplugged only with the guest's help: one that boots, hangs or has no ACPI hot-plug doesn't answer. It is asked again every 10 seconds. Wait for its boot to end, or shut the guest down.",
  ),
  NetworkNotActive: waits(
    'libvirt has no network of this name, or does not run it.',
    'What its Network waits for stands there: `kubectl describe pbnet NAME`, or the rows of `patchbay status`. `virsh net-list --all` on the host.',
  ),
  NetworkChanging: waits(
    'The network is being changed; the message says what that costs.',
    'Wait. Hundreds of DHCP hosts take minutes where libvirt makes firewall rules for each of them.',
  ),
  NetworkInUse: waits(
    'Guests use a network that is to go, or whose bridge goes with a change; it goes when they have left it.',
    'The message names the guests. Remove their interfaces or plug them in elsewhere; of a guest that is off the saved definition counts too.',
  ),
  LibvirtUnavailable: waits(
    'libvirt does not answer; what it last did stands.',
    'On the host: `systemctl status libvirtd virtqemud virtnetworkd`, `virsh -c qemu:///system list`. In a cluster, what its pod says at [/readyz](../troubleshooting.md#an-agents-pod-is-not-ready). Guests run on; all is caught up with when libvirt is back.',
  ),
  ApplyFailed: waits(
    'A step failed; what had been applied is read back and the step is tried again.',
    'The message has the words of libvirt or the kernel. It is tried again with growing pauses, 30 seconds at most, so see whether it is still there a minute later; then the log by the key of the object, and that of libvirt (`journalctl -u libvirtd -u virtqemud`).',
  ),
  NotVerified: waits(
    'libvirt reported success, but the host does not show the change.',
    'The message says what differs, and it is looked at again by itself. If it stays, somebody else changes the same thing (a script, another tool), or this libvirt has a bug: send the message with a bug report.',
  ),
  LiveChangeRefused: stalled(
    'A setting cannot be changed while the guest runs; nothing was touched.',
    'The message lists every field with its old and new value; `status.plan` has them too. Take the change back, or set `updatePolicy: NextBoot` (changed at the next start) or `Replug` (unplugged and plugged, the guest loses the NIC for a moment). An immutable field is changed only by removing the interface and making it anew.',
  ),
  ApplyRejected: stalled(
    'libvirt rejects this configuration; nothing of it stays.',
    "The message has libvirt's words. Correct the manifest as they say: another device, model, address. Of a Network: the restart with this change failed and was undone. It is tried again when something about it changes.",
  ),
  NoFreeSlot: stalled(
    'The running guest has no free slot for another NIC; the saved definition has it, for the next start.',
    'Restart the guest (shut down and start, not a reboot inside). To plug while it runs, give the guest more `pcie-root-port` controllers, or set `model: virtio` where the model needs conventional PCI.',
  ),
  InvalidManifest: stalled(
    'The newest manifest is not valid; the last accepted one stands.',
    'The message names field and reason; in a directory also file and line. Correct it. In a cluster these are the few rules that the API server cannot check; `patchbay resolve -f FILE --host HOST` asks all of them beforehand.',
  ),
  NetworkNotFound: stalled(
    'No Network of this name selects the host.',
    'The message lists the names that there are. Correct `source.network.name` (or `networkName` of a PortGroup), or make the `hostSelector` of the Network select the host: `kubectl get pbhost HOST --show-labels` has the labels that it sees.',
  ),
  NetworkAmbiguous: stalled(
    'More than one Network of this name selects the host.',
    'The message names the objects, and nothing on the host is touched meanwhile. Remove one of them, or tell them apart by `hostSelector`.',
  ),
  PortGroupNotFound: stalled(
    'The network has no port group of this name on the host.',
    'The message lists those it has. Correct `source.network.portGroup`, or create a PortGroup with that `networkName` and `groupName` (default: its own name) that selects the host.',
  ),
  PortGroupAmbiguous: stalled(
    'More than one PortGroup of this name, or more than one default, selects the host.',
    'The message names them. Remove one, tell them apart by `hostSelector`, or name the group in the interface where two are `default: true`.',
  ),
  NamespaceNotAllowed: stalled(
    "The Network's allowedNamespaces do not hold the interface's namespace.",
    'An admin adds the namespace to `spec.allowedNamespaces` of the Network, or the interface uses another one. What is plugged in already stays.',
  ),
  NetworkNotOwned: stalled(
    'libvirt has a network of this name that somebody else made; it is left alone.',
    'Write its manifest with `patchbay import`, which sets `adopt: true`, and apply that; or choose another `networkName`.',
  ),
  BridgeNameTaken: stalled(
    'The bridge that the network is to have is a link of the host, or of another network.',
    'Choose another `bridge.name`. To plug guests into a bridge that the host has, use `forward: {mode: bridge}` with its name. A bridge that is merely left over goes by `ip link delete NAME`.',
  ),
  LeasesExceedRanges: waits(
    'The DHCP ranges would have less addresses than are lent; dnsmasq would not start.',
    'The message says which are lent. It is done once enough of them have run out; or take the change back, or make the range larger.',
  ),
  AddressInUse: stalled(
    'The host has an address or a route in the subnet of the network.',
    'The message says which. Choose another subnet in `ips`, or free this one on the host (`ip addr`, `ip route`).',
  ),
  RestartRequired: stalled(
    'The change needs a restart of the running network; nothing was touched.',
    'The message has all reasons. Set `onRestartRequired: Restart` to have it restarted (its guests are cut off for some 0.5 s, and 4 s more with `bridge.stp`), or take the change back.',
  ),
  PortGroupReserved: stalled(
    'The name of the port group is one that every network of ours has for itself.',
    'Give the PortGroup another `groupName`.',
  ),
  PoolEmpty: stalled(
    'The Network has a pool mode and names no device.',
    'Give the Network `forward.interfaces`, `forward.pf` or `forward.addresses`; with mode `bridge`, or a `bridge.name`.',
  ),
  VirtualPortNotAllowed: stalled(
    'A virtual port of this type is not possible on this kind of port.',
    'The message says what is possible. Correct the `type` where it is written (interface, port group or network), or plug the interface in elsewhere.',
  ),
  VirtualPortConflict: stalled(
    'Two layers set a virtual port parameter to different values.',
    'The message names the parameter, the layers and both values. Give it in one of them only, or the same value in each; `patchbay resolve` shows what comes of it.',
  ),
  VirtualPortIncomplete: stalled(
    'The virtual port lacks a parameter that its type needs.',
    'Give the parameter that the message names on the interface, the port group or the network.',
  ),
  SettingNotSupported: stalled(
    'The setting is not possible on this kind of port.',
    'The message says where it is possible, [Settings](settings.md) has all of it. Take the setting away, or plug the interface in elsewhere.',
  ),
  HostSourceNotAllowed: stalled(
    'The interface names a device or a file of the host, and its namespace lacks the label patchbay.dev/host-sources=allowed.',
    'Use `source.network`, or have an admin set the label: `kubectl label namespace NAMESPACE patchbay.dev/host-sources=allowed`. What is plugged in already stays, and is not changed meanwhile.',
  ),
  MacDuplicate: stalled(
    'Another interface in the cluster has the same MAC address.',
    'A warning in a condition of its own; both interfaces are kept, and `Ready` does not suffer. The message names the others. Give one of them another address (`spec.mac` is immutable: make it anew), unless the two never meet in one network.',
  ),
  NotOwned: stalled(
    "The guest is not granted to the interface's namespace.",
    'Have an admin write a GuestGrant that names the guest and the namespace: `kubectl get pbgrant -o yaml` has those there are. What is plugged in already stays, and is not changed meanwhile. Without a cluster and without grants all guests belong to namespace `default`.',
  ),
  OwnerAmbiguous: stalled(
    'GuestGrants give the guest to more than one namespace.',
    'The message names the namespaces. Narrow one of the grants: `kubectl get pbgrant -o yaml`. What is plugged in already stays, and is not changed meanwhile.',
  ),
  MacConflict: stalled(
    'An interface of the guest that is not ours has this MAC address, or nothing tells which of several with it is meant.',
    '`virsh domiflist GUEST` shows it. `adopt: true` takes that NIC over; or choose another `mac`, or remove the other NIC. Where several have the address, `address` names the one that is meant.',
  ),
  TargetDeviceExists: stalled(
    'A link with the name of the target device exists already.',
    'Choose another `targetDevice`, leave it to libvirt by giving none, or remove the link (`ip -d link show NAME` says what it is).',
  ),
} as const satisfies Record<string, Meaning>

export type Reason = keyof typeof reasons
