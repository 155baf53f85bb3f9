/** Devices behind a network, each known by its name, in order of preference. */
import type { SectionEntry } from './change.ts'
import { planOrderedList } from './ordered-list.ts'
import type { Step } from './step.ts'

type ForwardInterface = SectionEntry['forward-interface']

/** Undefined when a device is in a list twice. */
export function planForwardInterfaces(
  from: readonly ForwardInterface[],
  to: readonly ForwardInterface[],
): Step<ForwardInterface>[] | undefined {
  return planOrderedList(from, to, {
    group: ({ dev }) => dev,
    fits: () => true,
  })
}
