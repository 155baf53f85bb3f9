import { describe, expect, test } from 'vitest'
import { errorFromReply, isLibvirtError, LibvirtError, sortOf } from '../../../../src/libvirt/rpc/error.ts'
import { errorCodeName, errorDomainName } from '../../../../src/libvirt/rpc/error-names.ts'

describe('sorted by what another attempt could bring', () => {
  test.each([
    [1, 'VIR_ERR_INTERNAL_ERROR', 'retryable', 'anything at all, a died QEMU too'],
    [2, 'VIR_ERR_NO_MEMORY', 'retryable', ''],
    [3, 'VIR_ERR_NO_SUPPORT', 'terminal', 'the driver has no such function'],
    [8, 'VIR_ERR_INVALID_ARG', 'terminal', ''],
    [9, 'VIR_ERR_OPERATION_FAILED', 'retryable', ''],
    [27, 'VIR_ERR_XML_ERROR', 'terminal', ''],
    [29, 'VIR_ERR_OPERATION_DENIED', 'terminal', 'read-only connection'],
    [37, 'VIR_ERR_NETWORK_EXIST', 'terminal', ''],
    [38, 'VIR_ERR_SYSTEM_ERROR', 'retryable', 'an errno: busy, full, gone'],
    [39, 'VIR_ERR_RPC', 'retryable', 'a daemon behind the daemon'],
    [42, 'VIR_ERR_NO_DOMAIN', 'terminal', 'the caller takes it as an observation'],
    [43, 'VIR_ERR_NO_NETWORK', 'terminal', ''],
    [45, 'VIR_ERR_AUTH_FAILED', 'terminal', ''],
    [53, 'VIR_ERR_NO_NODE_DEVICE', 'terminal', ''],
    [55, 'VIR_ERR_OPERATION_INVALID', 'retryable', 'the guest is in the wrong state, just now'],
    [62, 'VIR_ERR_NO_NWFILTER', 'terminal', ''],
    [67, 'VIR_ERR_CONFIG_UNSUPPORTED', 'terminal', ''],
    [68, 'VIR_ERR_OPERATION_TIMEOUT', 'retryable', 'another job holds the guest'],
    [70, 'VIR_ERR_HOOK_SCRIPT_FAILED', 'retryable', ''],
    [80, 'VIR_ERR_NO_DOMAIN_METADATA', 'terminal', ''],
    [84, 'VIR_ERR_OPERATION_UNSUPPORTED', 'terminal', ''],
    [87, 'VIR_ERR_RESOURCE_BUSY', 'retryable', ''],
    [88, 'VIR_ERR_ACCESS_DENIED', 'terminal', ''],
    [92, 'VIR_ERR_XML_INVALID_SCHEMA', 'terminal', ''],
    [99, 'VIR_ERR_DEVICE_MISSING', 'terminal', ''],
    [4711, 'VIR_ERR_4711', 'retryable', 'a code of some later libvirt'],
    [-1, 'VIR_ERR_-1', 'retryable', 'nonsense'],
  ])('%i %s is %s %s', (code, name, sort) => {
    expect(errorCodeName(code)).toBe(name)
    expect(sortOf(code)).toBe(sort)
  })
})

test('an error keeps what libvirt said', () => {
  const error = errorFromReply(
    { code: 42, domain: 10, message: "Domain not found: no domain with matching name 'vm1'", level: 2 },
    'DOMAIN_LOOKUP_BY_NAME',
  )
  expect(error).toMatchObject({
    name: 'LibvirtError',
    message: "Domain not found: no domain with matching name 'vm1'",
    code: 'VIR_ERR_NO_DOMAIN',
    domain: 'VIR_FROM_QEMU',
    level: 2,
    sort: 'terminal',
    procedure: 'DOMAIN_LOOKUP_BY_NAME',
  })
  expect(error).toBeInstanceOf(LibvirtError)
})

test('without a message the code stands for it', () => {
  expect(errorFromReply({ code: 38, domain: 999, message: null, level: 2 }, 'X').message).toBe(
    'VIR_ERR_SYSTEM_ERROR',
  )
  expect(errorDomainName(999)).toBe('VIR_FROM_999')
})

test('isLibvirtError tells codes apart', () => {
  const error = errorFromReply({ code: 43, domain: 19, message: null, level: 2 }, 'X')
  expect(isLibvirtError(error)).toBe(true)
  expect(isLibvirtError(error, 'VIR_ERR_NO_DOMAIN', 'VIR_ERR_NO_NETWORK')).toBe(true)
  expect(isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')).toBe(false)
  expect(isLibvirtError(new Error('VIR_ERR_NO_NETWORK'))).toBe(false)
})
