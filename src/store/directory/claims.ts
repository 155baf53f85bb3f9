/** What one manifest file says: which objects it claims to hold, and how well. */
import { LineCounter, parseAllDocuments } from 'yaml'
import { guestInterfaceSpec } from '../../api/guest-interface.ts'
import { networkSpec } from '../../api/network.ts'
import { portGroupSpec } from '../../api/port-group.ts'
import { apiVersion } from '../../api/resource.ts'
import type { Key } from '../store.ts'
import { keyString, type StoredObject } from './state.ts'

/** One document that names an object. */
export interface Claim {
  key: Key
  /** keyString(key) */
  id: string
  /** FILE:LINE, for people. */
  place: string
  /** Absent where the document was not accepted; then `problems` says why. */
  object?: StoredObject
  problems: string[]
}

export interface Claims {
  claims: Claim[]
  /** Those that cannot be said of any object. */
  problems: { line?: number; message: string }[]
  /** Every document says whose it is, so that an object that isn't here is known not to be. */
  identified: boolean
}

const specs = { GuestInterface: guestInterfaceSpec, Network: networkSpec, PortGroup: portGroupSpec }

/** `file`: the name that messages give it. */
export function claimsOf(text: string, file: string): Claims {
  const lines = new LineCounter()
  const claims: Claim[] = []
  const problems: Claims['problems'] = []
  for (const document of parseAllDocuments(text, { lineCounter: lines, version: '1.1' })) {
    const line = lines.linePos(document.range[0]).line
    if (document.errors.length > 0) {
      problems.push({ line, message: document.errors[0]!.message })
      continue
    }
    const value = document.toJS()
    if (value === null) continue
    const schema = specs[value.kind as keyof typeof specs]
    if (value.apiVersion !== apiVersion || schema === undefined || typeof value.metadata?.name !== 'string') {
      problems.push({ line, message: 'not a manifest of ours' })
      continue
    }
    const namespaced = value.kind === 'GuestInterface'
    const metadata = {
      ...value.metadata,
      ...(namespaced && { namespace: value.metadata.namespace ?? 'default' }),
    }
    const key: Key = {
      kind: value.kind,
      name: metadata.name,
      ...(namespaced && { namespace: metadata.namespace }),
    }
    const parsed = schema.safeParse(value.spec)
    claims.push({
      key,
      id: keyString(key),
      place: `${file}:${line}`,
      ...(parsed.success && { object: { ...value, metadata, spec: parsed.data } as StoredObject }),
      problems: parsed.success
        ? []
        : parsed.error.issues.map((i) => `${file}:${line}: ${i.path.join('.')}: ${i.message}`),
    })
  }
  return { claims, problems, identified: problems.length === 0 }
}
