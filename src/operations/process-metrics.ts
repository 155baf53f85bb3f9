/** What a process takes of its machine, by the names that all programs with Prometheus use. */
import { readdirSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, type Registry } from './prometheus.ts'

/** Milliseconds between looks at the event loop: ten a second cost nothing that shows. */
const LOOK_MS = 100

/** A few of prom-client's own; the others (heap spaces, kinds of handles) are many series a host that nobody looks at. */
export function processMetrics(registry: Registry): void {
  const registers = [registry]
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time, of user and system',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
  gauge('process_resident_memory_bytes', 'Resident memory', () => process.memoryUsage.rss())
  gauge('process_open_fds', 'Open file descriptors', () => readdirSync('/proc/self/fd').length)
  const start = Date.now() / 1_000 - process.uptime()
  gauge('process_start_time_seconds', 'When the process started, in seconds since 1970', () => start)
  const delay = monitorEventLoopDelay({ resolution: LOOK_MS })
  delay.enable()
  gauge(
    'nodejs_eventloop_lag_max_seconds',
    'The longest that the event loop kept anything waiting since the last scrape',
    () => {
      const longest = Math.max(0, delay.max / 1e9 - LOOK_MS / 1_000)
      delay.reset()
      return longest
    },
  )

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
}
