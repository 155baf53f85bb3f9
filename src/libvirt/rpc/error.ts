/** Everything that can go wrong in talking to libvirt, in one shape, sorted once and here. */
import { errorCodeName, errorDomainName } from './error-names.ts'

/**
 * retryable: the same call may succeed later without anybody changing what was asked for.
 * terminal: it cannot succeed until something else changes: the manifest, the guest, this libvirt.
 * interrupted: nobody knows. A write may have happened; read again before deciding.
 */
export type ErrorSort = 'retryable' | 'terminal' | 'interrupted'

/** What goes wrong on our side of the socket, and so has no code of libvirt's. */
export type ClientErrorCode =
  | 'NOT_CONNECTED'
  | 'CONNECTION_LOST'
  | 'DEADLINE_PASSED'
  | 'ABORTED'
  | 'MALFORMED_REPLY'
  | 'INVALID_ARGUMENT'
  | 'NO_USABLE_AUTH'

export interface LibvirtErrorFields {
  /** libvirt's name (`VIR_ERR_NO_DOMAIN`) or one of ours. */
  code: string
  /** The part of libvirt that raised it (`VIR_FROM_QEMU`), or `client`. */
  domain: string
  /** libvirt's virErrorLevel: 1 a warning, 2 an error. */
  level: number
  sort: ErrorSort
  /** The procedure that was called, by libvirt's name: `DOMAIN_UPDATE_DEVICE_FLAGS`. */
  procedure?: string
}

export class LibvirtError extends Error implements LibvirtErrorFields {
  override name = 'LibvirtError'
  readonly code: string
  readonly domain: string
  readonly level: number
  readonly sort: ErrorSort
  readonly procedure: string | undefined

  constructor(message: string, fields: LibvirtErrorFields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = fields.code
    this.domain = fields.domain
    this.level = fields.level
    this.sort = fields.sort
    this.procedure = fields.procedure
  }
}

/** What libvirt says in a reply whose status is an error. `dom`, `net`, str and int hold nothing that is still used. */
export interface ErrorReply {
  code: number
  domain: number
  message: string | null
  level: number
}

export function errorFromReply(reply: ErrorReply, procedure: string): LibvirtError {
  const code = errorCodeName(reply.code)
  return new LibvirtError(reply.message ?? code, {
    code,
    domain: errorDomainName(reply.domain),
    level: reply.level,
    sort: sortOf(reply.code),
    procedure,
  })
}

export function clientError(
  code: ClientErrorCode,
  sort: ErrorSort,
  message: string,
  detail: { procedure?: string; cause?: unknown } = {},
): LibvirtError {
  return new LibvirtError(
    message,
    { code, domain: 'client', level: 2, sort, procedure: detail.procedure },
    detail.cause,
  )
}

/** Whether this is libvirt's answer with the given code: `isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')`. */
export function isLibvirtError(error: unknown, ...codes: string[]): error is LibvirtError {
  return error instanceof LibvirtError && (codes.length === 0 || codes.includes(error.code))
}

/**
 * The codes that say that what was asked for is wrong, unknown or forbidden: asking again gives the same answer.
 * All others may pass: libvirt uses 1, 9 and 38 for anything at all (a full table, a busy device, a dead QEMU), 55 for
 * the wrong state of a guest, which changes, 68 for a job that holds the guest, 39 for a daemon behind this one that
 * went away. A code that nobody here knows is retried too, since a retry costs back-off and giving up costs a person.
 */
const terminal = new Set([
  3, // NO_SUPPORT
  6, // INVALID_CONN
  7, // INVALID_DOMAIN
  8, // INVALID_ARG
  27, // XML_ERROR
  28, // DOM_EXIST
  29, // OPERATION_DENIED: the connection is read-only
  35, // XML_DETAIL
  36, // INVALID_NETWORK
  37, // NETWORK_EXIST
  42, // NO_DOMAIN
  43, // NO_NETWORK
  44, // INVALID_MAC
  45, // AUTH_FAILED
  52, // INVALID_NODE_DEVICE
  53, // NO_NODE_DEVICE
  61, // INVALID_NWFILTER
  62, // NO_NWFILTER
  67, // CONFIG_UNSUPPORTED
  74, // ARGUMENT_UNSUPPORTED
  79, // AUTH_CANCELLED
  80, // NO_DOMAIN_METADATA
  82, // OVERFLOW
  84, // OPERATION_UNSUPPORTED
  88, // ACCESS_DENIED
  92, // XML_INVALID_SCHEMA
  94, // AUTH_UNAVAILABLE
  99, // DEVICE_MISSING
  105, // INVALID_NETWORK_PORT
  107, // NO_NETWORK_PORT
])

/** libvirt never answers `interrupted`: when it answers at all, the call is over. */
export function sortOf(code: number): 'retryable' | 'terminal' {
  return terminal.has(code) ? 'terminal' : 'retryable'
}
