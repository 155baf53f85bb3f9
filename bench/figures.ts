/** What is made of many measured values, and how it is printed. */
import Table from 'cli-table3'

/** The value that `share` (0 to 1) of all values don't exceed: by nearest rank, so always one that was measured. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5)
}

/** Three digits that matter. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '-'
  return value >= 100 ? value.toFixed(0) : value.toPrecision(value < 0.1 ? 1 : value < 1 ? 2 : 3)
}

/** n, p50, p95, p99 and the largest of milliseconds: cells of a table. */
export function spread(ms: readonly number[]): string[] {
  const shares = [0.5, 0.95, 0.99, 1].map((share) => digits(percentile(ms, share)))
  return [String(ms.length), ...shares]
}

export const spreadHead = ['n', 'p50 ms', 'p95 ms', 'p99 ms', 'max ms']

/** The first column is text, the others are numbers. */
export function table(head: string[], rows: string[][]): string {
  const made = new Table({
    head,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  made.push(...rows)
  return made.toString()
}

/** A goal and what was measured; a goal that is missed is said, and fails nothing. */
export function goal(what: string, wanted: string, measured: string, met: boolean): string {
  return `${met ? 'met   ' : 'MISSED'}  ${what}: ${measured} (goal ${wanted})`
}
