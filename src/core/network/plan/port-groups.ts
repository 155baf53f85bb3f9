/** Port groups, known by name. libvirt refuses a second default: the old one steps back first. */
import type { PortGroupSettings } from '../definition.ts'
import type { Step } from './step.ts'
import { planUnorderedList } from './unordered-list.ts'

/** Undefined when groups of one name differ. */
export function planPortGroups(
  from: readonly PortGroupSettings[],
  to: readonly PortGroupSettings[],
): Step<PortGroupSettings>[] | undefined {
  const steps = planUnorderedList(from, to, { key: ({ name }) => name, canModify: true })
  const isNewDefault = ({ command, entry }: Step<PortGroupSettings>) =>
    command === 'modify' && entry.default === true
  return (
    steps && [
      ...steps.filter(({ command }) => command === 'delete'),
      ...steps.filter((step) => step.command === 'modify' && !isNewDefault(step)),
      ...steps.filter(isNewDefault),
      ...steps.filter(({ command }) => command === 'add-last'),
    ]
  )
}
