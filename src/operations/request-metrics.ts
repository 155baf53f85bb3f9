/** Requests to the API server, among them those by which others see that this process is there. */
import { Counter, Gauge, Histogram, type Registry } from './prometheus.ts'

export interface Request {
  verb: string
  resource: string
  /** Of HTTP; undefined when no answer came. */
  status: number | undefined
  ms: number
}

const changes = new Set(['update', 'patch', 'apply'])

/** Returns what is to be told of each request. */
export function requestMetrics(registry: Registry): (request: Request) => void {
  const registers = [registry]
  const requests = new Counter({
    name: 'patchbay_api_requests_total',
    help: 'Requests to the API server; code none: no answer came. A watch counts when it begins',
    labelNames: ['verb', 'resource', 'code'],
    registers,
  })
  const duration = new Histogram({
    name: 'patchbay_api_request_duration_seconds',
    help: 'How long the API server took to answer',
    labelNames: ['verb'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 10],
    registers,
  })
  const answered = new Gauge({
    name: 'patchbay_api_last_answer_timestamp_seconds',
    help: 'When the API server last answered anything, in seconds since 1970',
    registers,
  })
  const renewed = new Gauge({
    name: 'patchbay_lease_renewed_timestamp_seconds',
    help: 'When this process last renewed its Lease, in seconds since 1970; 0: never',
    registers,
  })
  return ({ verb, resource, status, ms }) => {
    requests.inc({ verb, resource, code: status === undefined ? 'none' : String(status) })
    if (status === undefined) return
    duration.observe({ verb }, ms / 1_000)
    answered.setToCurrentTime()
    // The one Lease that a process of ours changes is its own.
    if (resource === 'leases' && changes.has(verb) && status < 300) renewed.setToCurrentTime()
  }
}
