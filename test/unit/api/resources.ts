/** Resources that are valid, to be spoilt by tests. */
import { apiVersion } from '../../../src/api/resource.ts'

export const guestInterface = (spec: object = {}, metadata: object = {}) => ({
  apiVersion,
  kind: 'GuestInterface',
  metadata: { name: 'vm1-data', ...metadata },
  spec: { guest: { name: 'vm1' }, source: { network: { name: 'testA' } }, ...spec },
})

export const network = (spec: object = {}) => ({
  apiVersion,
  kind: 'Network',
  metadata: { name: 'net' },
  spec,
})

export const portGroup = (spec: object = {}) => ({
  apiVersion,
  kind: 'PortGroup',
  metadata: { name: 'group' },
  spec: { networkName: 'testA', ...spec },
})

export const guestGrant = (spec: object = {}) => ({
  apiVersion,
  kind: 'GuestGrant',
  metadata: { name: 'grant' },
  spec: { namespace: 'blue', guests: [{ namePrefix: 'blue-' }], ...spec },
})
