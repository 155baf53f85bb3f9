/**
 * Lists whose order means something, of entries that libvirt adds at either end and deletes, and never moves: what stays has to
 * stand together in the new list. As much as possible stays.
 */
import { type Step, textOf } from './step.ts'

export interface ListRules<E> {
  /** Entries of different groups never stand in each other's way. */
  group(entry: E): string
  /** An entry that is given fits `entry`: `add` is refused while one does, `delete` when it fits more than one. */
  fits(given: E, entry: E): boolean
}

/** Undefined when there is no such list of steps. */
export function planOrderedList<E extends object>(
  from: readonly E[],
  to: readonly E[],
  rules: ListRules<E>,
): Step<E>[] | undefined {
  const found = runsOf(from, to)
  const stand = { from: new Obstacles(from, rules), to: new Obstacles(to, rules) }
  for (let length = Math.max(0, ...found.map((run) => run.length)); length >= 0; length--) {
    for (let start = 0; start + length <= to.length; start++) {
      const run = found[start]
      if (length > 0 && (run === undefined || run.length < length)) continue
      const kept = new Set(run?.slice(0, length))
      const deletes = deletesOf(from, kept, stand.from)
      const adds = deletes && addsOf(to, start, start + length, stand.to)
      if (deletes && adds) {
        return [...deletes.map((entry): Step<E> => ({ command: 'delete', entry })), ...adds]
      }
    }
  }
  return undefined
}

/** For each place of the new list: where its entries from there on stand in the old one, in that order, as far as they do. */
function runsOf<E extends object>(from: readonly E[], to: readonly E[]): number[][] {
  const places = new Map<string, number[]>()
  from.forEach((entry, n) => {
    const text = textOf(entry)
    const others = places.get(text)
    if (others) others.push(n)
    else places.set(text, [n])
  })
  const wanted = to.map((entry) => places.get(textOf(entry)) ?? [])
  return to.map((_, start) => {
    const run: number[] = []
    for (let n = start; n < to.length; n++) {
      const next = wanted[n]!.find((place) => place > (run.at(-1) ?? -1))
      if (next === undefined) break
      run.push(next)
    }
    return run
  })
}

/** Which others of a list an entry fits, and which fit it. */
class Obstacles<E> {
  readonly fitted: number[][]
  readonly fitting: number[][]

  constructor(entries: readonly E[], rules: ListRules<E>) {
    this.fitted = entries.map(() => [])
    this.fitting = entries.map(() => [])
    const groups = Map.groupBy(entries.keys(), (n) => rules.group(entries[n]!))
    for (const group of groups.values()) {
      for (const given of group) {
        for (const other of group) {
          if (given === other || !rules.fits(entries[given]!, entries[other]!)) continue
          this.fitted[given]!.push(other)
          this.fitting[other]!.push(given)
        }
      }
    }
  }
}

/** In an order in which each fits nothing else that is still there: the more specific first. */
function deletesOf<E>(
  from: readonly E[],
  kept: ReadonlySet<number>,
  { fitted, fitting }: Obstacles<E>,
): E[] | undefined {
  const inTheWay = fitted.map((others) => others.length)
  const ready = [...from.keys()].filter((n) => !kept.has(n) && inTheWay[n] === 0)
  for (const n of ready) {
    for (const other of fitting[n]!) {
      inTheWay[other]!--
      if (inTheWay[other] === 0 && !kept.has(other)) ready.push(other)
    }
  }
  return ready.length === from.length - kept.size ? ready.map((n) => from[n]!) : undefined
}

/** From what is there outwards. An entry goes in only when nothing that is still to come would be refused because of it. */
function addsOf<E>(
  to: readonly E[],
  start: number,
  end: number,
  { fitting }: Obstacles<E>,
): Step<E>[] | undefined {
  let [first, last] = [start, end]
  const present = (n: number) => n >= first && n < last
  const blocks = (n: number) => fitting[n]!.some((given) => given !== n && !present(given))
  for (let n = start; n < end; n++) if (blocks(n)) return undefined
  const steps: Step<E>[] = []
  while (first > 0 || last < to.length) {
    if (last < to.length && !blocks(last)) steps.push({ command: 'add-last', entry: to[last++]! })
    else if (first > 0 && !blocks(first - 1)) steps.push({ command: 'add-first', entry: to[--first]! })
    else return undefined
  }
  return steps
}
