/** Whether a resource's hostSelector selects a host: Kubernetes' label selector over the host's labels. */
import type { LabelSelector } from '../api/network.ts'

export interface HostIdentity {
  name: string
  labels: Readonly<Record<string, string>>
}

/** The host's labels; kubernetes.io/hostname is always among them, its name where nothing else says so. */
export function labelsOf(host: HostIdentity): Record<string, string> {
  return { 'kubernetes.io/hostname': host.name, ...host.labels }
}

/** Absent or empty selects every host; otherwise every label and every expression must hold. */
export function selects(
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {}
  return (
    Object.entries(matchLabels).every(([key, value]) => labelOf(labels, key) === value) &&
    matchExpressions.every((expression) => holds(expression, labelOf(labels, expression.key)))
  )
}

type Expression = NonNullable<LabelSelector['matchExpressions']>[number]

function holds({ operator, values = [] }: Expression, value: string | undefined): boolean {
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value)
    case 'NotIn':
      // A host without the label is not in any set of values: Kubernetes' rule too.
      return value === undefined || !values.includes(value)
    case 'Exists':
      return value !== undefined
    case 'DoesNotExist':
      return value === undefined
  }
}

function labelOf(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
