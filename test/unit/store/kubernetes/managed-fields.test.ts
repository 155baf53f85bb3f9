import { describe, expect, it } from 'vitest'
import { isApplied, onlyOwned } from '../../../../src/store/kubernetes/managed-fields.ts'

const applied = (manager: string, fields: object, more: object = {}) => ({
  manager,
  operation: 'Apply',
  subresource: 'status',
  fieldsV1: { 'f:status': fields },
  ...more,
})
const conditions = (...types: string[]) => ({
  'f:conditions': {
    ...Object.fromEntries(types.map((type) => [`k:{"type":"${type}"}`, {}])),
  },
})

describe('fields that only one manager has', () => {
  it.each<[string, object[] | undefined, string[]]>([
    ['none where nothing is managed', undefined, []],
    [
      'conditions as they were recorded before each was one field',
      [
        applied('us', {
          'f:conditions': { 'k:{"type":"Ready"}': { '.': {}, 'f:status': {}, 'f:type': {} } },
        }),
      ],
      ['conditions/Ready'],
    ],
    ['its own', [applied('us', { 'f:hostName': {} })], ['hostName']],
    [
      'not what another has too',
      [applied('us', { 'f:hostName': {}, 'f:guestUUID': {} }), applied('them', { 'f:hostName': {} })],
      ['guestUUID'],
    ],
    [
      'conditions each by itself',
      [applied('us', conditions('Ready', 'Bound')), applied('them', conditions('Ready'))],
      ['conditions/Bound'],
    ],
    [
      'not what it set by another way than by applying',
      [applied('us', { 'f:hostName': {} }, { operation: 'Update' })],
      [],
    ],
    ['not what is no status', [applied('us', {}, { fieldsV1: { 'f:metadata': { 'f:labels': {} } } })], []],
  ])('%s', (_, managed, wanted) => {
    expect(onlyOwned(managed, 'us')).toEqual(wanted)
  })
})

describe('an apply changes nothing', () => {
  const ready = { type: 'Ready', status: 'True', message: 'it is' }
  const status = { hostName: 'abc', guestUUID: 'x', conditions: [{ type: 'Bound' }, ready] }
  it.each<[string, object, string[], boolean]>([
    ['where all of it is there', { hostName: 'abc', conditions: [ready] }, [], true],
    ['whoever else has it', { hostName: 'abc' }, ['hostName'], true],
    ['unless a value differs', { hostName: 'def' }, ['hostName'], false],
    ['unless a condition differs', { conditions: [{ ...ready, status: 'False' }] }, [], false],
    ['unless it takes back a field', {}, ['hostName'], false],
    ['unless it takes back a condition', { hostName: 'abc', conditions: [] }, ['conditions/Bound'], false],
    ['where an undefined field is none', { hostName: 'abc', nextHostName: undefined }, ['hostName'], true],
  ])('%s', (_, wanted, owned, is) => {
    expect(isApplied(wanted, status, owned)).toBe(is)
  })

  it('of an object without a status is one that names nothing', () => {
    expect(isApplied({}, undefined, [])).toBe(true)
    expect(isApplied({ hostName: 'abc' }, undefined, [])).toBe(false)
  })
})
