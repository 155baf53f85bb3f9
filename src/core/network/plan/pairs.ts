/**
 * A largest set of pairs of left and right that share a mark, nobody being in two: augmenting paths. What shares a mark is
 * reached through the mark, and each mark is walked once a search, so that many sharing one cost no square of their number.
 */
export function pairUp(
  left: readonly (readonly string[])[],
  right: readonly (readonly string[])[],
): (number | undefined)[] {
  const rightWith = new Map<string, number[]>()
  right.forEach((marks, n) => {
    for (const mark of marks) {
      const others = rightWith.get(mark)
      if (others) others.push(n)
      else rightWith.set(mark, [n])
    }
  })
  const ofLeft: (number | undefined)[] = left.map(() => undefined)
  const ofRight: (number | undefined)[] = right.map(() => undefined)
  const pair = (l: number, r: number) => {
    ofLeft[l] = r
    ofRight[r] = l
  }

  for (const [l, marks] of left.entries()) {
    for (const mark of marks) {
      const free = rightWith.get(mark)?.find((r) => ofRight[r] === undefined)
      if (free === undefined) continue
      pair(l, free)
      break
    }
  }
  left.forEach((_, l) => {
    if (ofLeft[l] === undefined) augment(l)
  })
  return ofLeft

  /** Breadth first, so that a long chain needs no deep stack. */
  function augment(start: number): void {
    const reachedBy = new Map<number, number>()
    const walked = new Set<string>()
    const waiting = [start]
    for (const l of waiting) {
      for (const mark of left[l]!) {
        if (walked.has(mark)) continue
        walked.add(mark)
        for (const r of rightWith.get(mark) ?? []) {
          if (reachedBy.has(r)) continue
          reachedBy.set(r, l)
          const holder = ofRight[r]
          if (holder === undefined) {
            turnOver(r, reachedBy)
            return
          }
          waiting.push(holder)
        }
      }
    }
  }

  function turnOver(end: number, reachedBy: ReadonlyMap<number, number>): void {
    let r: number | undefined = end
    while (r !== undefined) {
      const l: number = reachedBy.get(r)!
      const next: number | undefined = ofLeft[l]
      pair(l, r)
      r = next
    }
  }
}
