/** What pings a guest misses while something is done to its network. */
import { setTimeout as delay } from 'node:timers/promises'
import { type BootedGuest, pingIntervalMs } from './booted-guest.ts'

export interface Pings {
  sent: number
  missed: number
  /** Between two answers, rounded to the interval of the pings; one interval when none was missed. */
  longestGapMs: number
}

/** Answers that must come after a change before what was missed is counted: 1 s of them. */
const after = 20

/**
 * The pings from the last one that was answered before `change` to the 20th that is answered once it is done, at most 60 s
 * later. Prints them under `title`, since how much a change costs is one of the things a test is run for.
 */
export async function pingsDuring(
  title: string,
  guest: BootedGuest,
  change: () => Promise<void>,
): Promise<Pings> {
  const first = await last(guest)
  await change()
  const done = await last(guest)
  const answered = (await answers(guest, done, after)).filter((seq) => seq >= first)
  const sent = answered.at(-1)! - first + 1
  const gaps = answered.slice(1).map((seq, i) => seq - answered[i]!)
  const pings = {
    sent,
    missed: sent - answered.length,
    longestGapMs: Math.max(...gaps) * pingIntervalMs,
  }
  console.log(`${title}: ${pings.sent} pings, ${pings.missed} missed, longest gap ${pings.longestGapMs} ms`)
  return pings
}

/** The last ping that was answered, waiting for the first one. */
async function last(guest: BootedGuest): Promise<number> {
  return (await answers(guest, -1, 1)).at(-1)!
}

/** All answers, once there are `count` after ping `seq`. */
async function answers(guest: BootedGuest, seq: number, count: number): Promise<number[]> {
  const end = Date.now() + 60_000
  for (;;) {
    const all = await guest.answers()
    if (all.filter((each) => each > seq).length >= count) return all
    if (Date.now() > end) throw new Error(`Pings of guest ${guest.name} are not answered, after ${seq}`)
    await delay(20)
  }
}
