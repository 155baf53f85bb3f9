/** metadata as a manifest may have it: what its author says, and what a server added is tolerated and left. */
import { z } from 'zod'
import { labelKey, labelName, labelValue, objectName } from './names.ts'

/** Kubernetes allows 256 KiB of annotations in all. */
const annotations = z
  .record(labelKey, z.string())
  .refine(
    (entries) =>
      Object.entries(entries).reduce((sum, [key, text]) => sum + key.length + text.length, 0) <= 262144,
    'must have at most 256 KiB in all',
  )

const labels = z.record(labelKey, labelValue)
const ofTheServer = z.unknown().optional()

const common = {
  name: objectName,
  labels: labels.nullish(),
  annotations: annotations.nullish(),
  creationTimestamp: ofTheServer,
  deletionGracePeriodSeconds: ofTheServer,
  deletionTimestamp: ofTheServer,
  finalizers: ofTheServer,
  generation: ofTheServer,
  managedFields: ofTheServer,
  ownerReferences: ofTheServer,
  resourceVersion: ofTheServer,
  selfLink: ofTheServer,
  uid: ofTheServer,
}

export const clusterMetadata = z.strictObject(common)
export const namespacedMetadata = z.strictObject({ ...common, namespace: labelName.nullish() })
