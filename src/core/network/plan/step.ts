/** What a section's planner gives: libvirt's command for one entry of a list; to delete one, all of it as it stands. */
import type { Command } from './change.ts'

export interface Step<E> {
  command: Command
  entry: E
}

/** Deletes come before modifies, and these before adds. */
export const phases: Record<Command, number> = { delete: 0, modify: 1, 'add-first': 2, 'add-last': 2 }

/** Else the order of the steps has a reason of its own. */
export function isInPhases(steps: readonly Step<unknown>[]): boolean {
  return steps.every(({ command }, n) => n === 0 || phases[command] >= phases[steps[n - 1]!.command])
}

/** An entry of a canonical definition: the same text, the same entry. Absent fields don't stand in it. */
export const textOf = (entry: object): string => JSON.stringify(entry)

/** What is only in the one list and only in the other, each in its own order; an entry that is twice in a list counts twice. */
export function difference<E extends object>(
  from: readonly E[],
  to: readonly E[],
): { gone: E[]; added: E[] } {
  const count = new Map<string, number>()
  for (const entry of from) {
    const text = textOf(entry)
    count.set(text, (count.get(text) ?? 0) + 1)
  }
  const added = to.filter((entry) => {
    const text = textOf(entry)
    const left = count.get(text) ?? 0
    if (left > 0) count.set(text, left - 1)
    return left === 0
  })
  const gone = from.filter((entry) => {
    const text = textOf(entry)
    const left = count.get(text) ?? 0
    if (left > 0) count.set(text, left - 1)
    return left > 0
  })
  return { gone, added }
}
