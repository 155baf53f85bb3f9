/** Pools that nobody uses yet and whose devices are all there: allocation where there is no host to look at. */
import type { Link } from '../link.ts'
import type { Port } from '../port.ts'
import type { Refusal } from '../refusal.ts'
import type { Plug } from '../resolve/plug.ts'
import { deviceOf } from './ledger.ts'
import { choosePort } from './pool.ts'
import { UsesByDevice } from './uses-by-device.ts'

export class UnusedPools {
  readonly #uses = new UsesByDevice()

  /** The port that `self` (namespace/name) gets after all who came before it. */
  take(plug: Plug, self: string): { port: Port } | { refusal: Refusal } {
    if (plug.kind === 'fixed') return { port: plug.port }
    const chosen = choosePort(plug, this.#uses, plug.devices.map(freeLink), { self, waiting: [] })
    if ('refusal' in chosen) return plug.pf === undefined ? chosen : { refusal: functionsUnknown(plug.pf) }
    const device = deviceOf(chosen.port)
    if (device !== undefined) {
      this.#uses.add({ device, holder: { kind: 'interface', name: self }, exclusive: plug.exclusive })
    }
    return chosen
  }
}

function freeLink(name: string, place: number): Link {
  return { name, index: place + 1, mac: '', mtu: 1500, up: true, addresses: [], defaultRoute: false }
}

function functionsUnknown(pf: string): Refusal {
  return {
    reason: 'DeviceNotFound',
    field: 'network.forward.pf',
    message: `network.forward.pf: which virtual functions ${pf} has is known on the host only, where the agent takes the first free one. Name the devices in the Network to see the port here`,
  }
}
