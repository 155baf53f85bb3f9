/** Calls to libvirt, its events, and whether it is there. */
import type { EndedCall, LibvirtClient } from '../libvirt/client.ts'
import { LibvirtError } from '../libvirt/rpc/error.ts'
import { Counter, Gauge, Histogram, type Registry } from '../operations/prometheus.ts'

export interface LibvirtMetrics {
  called(call: EndedCall): void
  watch(libvirt: LibvirtClient): void
}

export function libvirtMetrics(registry: Registry): LibvirtMetrics {
  const registers = [registry]
  const calls = new Counter({
    name: 'patchbay_libvirt_calls_total',
    help: "Calls to libvirt, by libvirt's name of the procedure",
    labelNames: ['procedure'],
    registers,
  })
  const errors = new Counter({
    name: 'patchbay_libvirt_call_errors_total',
    help: "Calls that failed, by libvirt's code or one of the client's, such as NOT_CONNECTED; an answer that there is no such guest or network is among them",
    labelNames: ['code', 'sort'],
    registers,
  })
  const duration = new Histogram({
    name: 'patchbay_libvirt_call_duration_seconds',
    help: 'How long libvirt took to answer, the time included that a call waited for room; access read or write',
    labelNames: ['access'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10, 30],
    registers,
  })
  const disconnects = new Counter({
    name: 'patchbay_libvirt_disconnects_total',
    help: 'How often the connection to libvirt was lost',
    registers,
  })
  const events = new Counter({
    name: 'patchbay_libvirt_events_total',
    help: 'Events of libvirt, by what they are about',
    labelNames: ['kind'],
    registers,
  })
  const overflows = new Counter({
    name: 'patchbay_libvirt_event_overflows_total',
    help: 'How often events came faster than they were taken; everything was read afresh then',
    registers,
  })
  let client: LibvirtClient | undefined
  new Gauge({
    name: 'patchbay_libvirt_connected',
    help: '1 while libvirt is connected, else 0',
    registers,
    collect() {
      this.set(client?.connected ? 1 : 0)
    },
  })
  return {
    called({ procedure, writes, ms, error }) {
      calls.inc({ procedure })
      duration.observe({ access: writes ? 'write' : 'read' }, ms / 1_000)
      if (error instanceof LibvirtError) errors.inc({ code: error.code, sort: error.sort })
    },
    watch(libvirt) {
      client = libvirt
      libvirt.onDisconnected(() => disconnects.inc())
      libvirt.onEvent(({ kind }) => (kind === 'overflow' ? overflows.inc() : events.inc({ kind })))
    },
  }
}
