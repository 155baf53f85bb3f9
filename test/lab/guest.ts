/** Guests of a lab host: their definition, and how they are defined and started. */
import type { LabHost } from './host.ts'

export interface GuestOptions {
  name: string
  uuid?: string
  /** MiB; 32 (the default) are enough for a guest that boots nothing. */
  memory?: number
  /** `pc` is i440fx: 28 slots of which each takes an interface at any time. Default q35. */
  machine?: 'q35' | 'pc'
  /** Spare PCIe root ports of a q35 guest: interfaces that can be plugged while it runs. Default 8. */
  sparePorts?: number
  /** `<interface>` elements it has from the start, as XML. */
  interfaces?: readonly string[]
  /** A kernel to boot; without one the guest halts at once: it runs, and takes no processor time. */
  boot?: { kernel: string; initrd: string; arguments: string }
  /** File of the host that receives what the guest writes to its serial console. */
  console?: string
}

/**
 * Domain XML of a small guest without disk under QEMU's software emulation (guests hang under nested KVM). Values are
 * put into the XML as they are: tests write them, and none needs escaping.
 */
export function guestXML(options: GuestOptions): string {
  const { name, uuid, memory = 32, machine = 'q35', sparePorts = 8, interfaces = [], boot } = options
  const ports = machine === 'q35' ? interfaces.length + sparePorts + 1 : 0
  return `<domain type='qemu'>
  <name>${name}</name>${uuid ? `\n  <uuid>${uuid}</uuid>` : ''}
  <memory unit='MiB'>${memory}</memory>
  <os>
    <type arch='x86_64' machine='${machine}'>hvm</type>${
      boot
        ? `
    <kernel>${boot.kernel}</kernel>
    <initrd>${boot.initrd}</initrd>
    <cmdline>${boot.arguments}</cmdline>`
        : `
    <loader readonly='yes' type='rom'>/run/halt.rom</loader>`
    }
  </os>
  <features><acpi/></features>
  <devices>
    <controller type='usb' model='none'/>${machine === 'q35' ? "\n    <controller type='pci' model='pcie-root'/>" : ''}${"\n    <controller type='pci' model='pcie-root-port'/>".repeat(ports)}${
      options.console ? `\n    <serial type='file'><source path='${options.console}'/></serial>` : ''
    }
    <memballoon model='none'/>
${interfaces.join('\n')}
  </devices>
</domain>
`
}

/** Defines a guest (`virsh define`) and leaves it off. */
export async function defineGuest(host: LabHost, options: GuestOptions): Promise<void> {
  await host.virsh('define', await host.file(guestXML(options)))
}

/** Defines a guest and starts it: 0.3 s. */
export async function startGuest(host: LabHost, options: GuestOptions): Promise<void> {
  await defineGuest(host, options)
  await host.virsh('start', options.name)
}

/** A device that is no NIC takes a slot of the running guest alone, or in its saved definition alone. */
export async function takeSlot(host: LabHost, guest: string, where: 'live' | 'config'): Promise<void> {
  const rng = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
  await host.virsh('attach-device', guest, await host.file(rng), `--${where}`)
}
