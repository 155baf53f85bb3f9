/** The Lease by which others see that this process is there. */
import { Gauge, type Registry } from './prometheus.ts'

/** Returns what is to be called at each renewal. */
export function leaseMetrics(registry: Registry): () => void {
  const renewed = new Gauge({
    name: 'patchbay_lease_renewed_timestamp_seconds',
    help: 'When this process last renewed its Lease, in seconds since 1970; 0: never',
    registers: [registry],
  })
  return () => renewed.setToCurrentTime()
}
