import { expect, it } from 'vitest'

import { type Call, requestName } from '../../../../src/store/kubernetes/call.ts'

const group = '/apis/patchbay.dev/v1alpha1'
const apply = 'application/apply-patch+yaml'

const cases: [Call, string, string][] = [
  [{ method: 'GET', path: `${group}/guestinterfaces` }, 'list', 'guestinterfaces'],
  [{ method: 'GET', path: `${group}/guestinterfaces`, query: { watch: 'true' } }, 'watch', 'guestinterfaces'],
  [{ method: 'GET', path: `${group}/namespaces/a/guestinterfaces` }, 'list', 'guestinterfaces'],
  [{ method: 'GET', path: `${group}/namespaces/a/guestinterfaces/b` }, 'get', 'guestinterfaces'],
  [
    { method: 'PATCH', path: `${group}/namespaces/a/guestinterfaces/b/status`, contentType: apply },
    'apply',
    'guestinterfaces/status',
  ],
  [
    { method: 'PATCH', path: `${group}/networks/b`, contentType: 'application/json-patch+json' },
    'patch',
    'networks',
  ],
  [{ method: 'GET', path: `${group}/hosts/namespaces` }, 'get', 'hosts'],
  [{ method: 'POST', path: '/apis/events.k8s.io/v1/namespaces/default/events' }, 'create', 'events'],
  [{ method: 'PUT', path: '/apis/coordination.k8s.io/v1/namespaces/n/leases/abc' }, 'update', 'leases'],
  [{ method: 'DELETE', path: `${group}/hosts/abc` }, 'delete', 'hosts'],
  [{ method: 'GET', path: '/api/v1/nodes' }, 'list', 'nodes'],
  [{ method: 'GET', path: '/api/v1/nodes/abc' }, 'get', 'nodes'],
  [{ method: 'GET', path: '/api/v1/namespaces' }, 'list', 'namespaces'],
  [{ method: 'GET', path: '/api/v1/namespaces/a' }, 'get', 'namespaces'],
  [{ method: 'GET', path: '/version' }, 'list', ''],
]

it.each(cases)('%j is %s of %s', (call, verb, resource) => {
  expect(requestName(call)).toEqual({ verb, resource })
})
