/** Which hosts an object speaks of: Kubernetes' label selector over the labels of hosts. */
import { z } from 'zod'
import { atomicList, atomicMap, rules } from './extensions.ts'
import { labelKey, labelValue } from './names.ts'

const matchExpression = z
  .strictObject({
    key: labelKey.describe('Label that is looked at'),
    operator: z
      .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
      .describe('NotIn and DoesNotExist hold on hosts without the label too'),
    values: z
      .array(labelValue)
      .max(64)
      .optional()
      .describe('At least one with In and NotIn, none otherwise')
      .meta(atomicList),
  })
  .meta(
    rules(
      {
        rule: "(self.operator != 'In' && self.operator != 'NotIn') || (has(self.values) && size(self.values) > 0)",
        message: 'needs at least one value with In and NotIn',
        fieldPath: '.values',
      },
      {
        rule: "self.operator == 'In' || self.operator == 'NotIn' || !has(self.values) || size(self.values) == 0",
        message: 'must be absent with Exists and DoesNotExist',
        fieldPath: '.values',
      },
    ),
  )

export const labelSelector = z
  .strictObject({
    matchLabels: z
      .record(labelKey, labelValue)
      .refine((labels) => Object.keys(labels).length <= 64, 'must have at most 64 entries')
      .optional()
      .describe('Labels with the values that a host must have; every host has kubernetes.io/hostname')
      .meta({ maxProperties: 64 }),
    matchExpressions: z
      .array(matchExpression)
      .max(64)
      .optional()
      .describe('Further conditions; all must hold')
      .meta(atomicList),
  })
  .describe("A label selector over the host's labels; absent = all hosts")
  .meta(atomicMap)

export type LabelSelector = z.infer<typeof labelSelector>
