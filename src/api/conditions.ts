/** Conditions as kstatus reads them. */
import { z } from 'zod'
import { atomicMap, mapList } from './extensions.ts'

/** Whoever applies one says all of it: the API server takes note of each condition as a whole, not of its fields, of which an object has fifty. */
export const condition = z
  .strictObject({
    type: z.string().max(316).describe('Name of the condition'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds'),
    reason: z.string().max(1024).describe('One word in CamelCase; docs/reference lists them'),
    message: z
      .string()
      .max(32768)
      .describe('For people: the field, the old and the new value, and what can be done'),
    lastTransitionTime: z.string().max(64).describe('When status last changed, RFC 3339'),
    observedGeneration: z
      .int()
      .min(-1)
      .optional()
      .describe('metadata.generation that this speaks of; -1 = none yet'),
  })
  .meta(atomicMap)

/** What the status of every kind ends with: how it stands, and of which spec that speaks. */
export const readinessFields = {
  observedGeneration: z
    .int()
    .min(-1)
    .optional()
    .describe('metadata.generation that this speaks of; -1 = none yet'),
  conditions: z
    .array(condition)
    .max(16)
    .optional()
    .describe('Conditions as kstatus reads them')
    .meta(mapList('type')),
}

export type Condition = z.infer<typeof condition>
