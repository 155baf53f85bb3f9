/**
 * The parts of prom-client that are used, each loaded by itself: the whole package takes 18 MiB of memory, these take 3.
 * What is pinned has no `exports`; an update is to look at these four paths.
 */
import { createRequire } from 'node:module'
import type * as prometheus from 'prom-client'

const load = createRequire(import.meta.url)

export const Registry = load('prom-client/lib/registry.js') as typeof prometheus.Registry
export const Counter = load('prom-client/lib/counter.js') as typeof prometheus.Counter
export const Gauge = load('prom-client/lib/gauge.js') as typeof prometheus.Gauge
export const Histogram = load('prom-client/lib/histogram.js') as typeof prometheus.Histogram
export type Registry = prometheus.Registry
