/** How the API server refuses, in one shape. */
import type { FailureSort } from '../../reconcile/outcome.ts'

export interface ApiErrorOptions {
  /** Of HTTP. */
  status: number
  /** One word of the server's, such as Expired or Conflict. */
  reason?: string
  /** Milliseconds that the server asks us to wait. */
  retryAfterMs?: number
}

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  readonly reason: string | undefined
  readonly retryAfterMs: number | undefined
  /** What is not valid stays so; everything else may go away by itself, missing rights included. */
  readonly sort: FailureSort

  constructor(message: string, { status, reason, retryAfterMs }: ApiErrorOptions) {
    super(message)
    this.status = status
    this.reason = reason
    this.retryAfterMs = retryAfterMs
    this.sort = status === 400 || status === 422 ? 'terminal' : 'retryable'
  }
}

/** Of an answer's body, which is a Status of Kubernetes unless something else between us and the server answered. */
export function apiError(what: string, status: number, body: string, retryAfter?: string): ApiError {
  const said = statusIn(body)
  // In seconds; the other form that HTTP allows, a date, is one the API server never uses.
  const seconds = Number(retryAfter ?? said.details?.retryAfterSeconds ?? Number.NaN)
  return new ApiError(`${what}: ${said.message ?? `HTTP ${status}`}`, {
    status,
    ...(said.reason !== undefined && { reason: said.reason }),
    ...(seconds >= 0 && { retryAfterMs: seconds * 1_000 }),
  })
}

interface Said {
  message?: string
  reason?: string
  details?: { retryAfterSeconds?: number }
}

function statusIn(body: string): Said {
  try {
    const said: unknown = JSON.parse(body)
    return typeof said === 'object' && said !== null ? said : {}
  } catch {
    return {}
  }
}

/** The resourceVersion or the continue token is one that the server has no more. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 410 || error.reason === 'Expired')
}

export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409
}

/** What went wrong, for a line of the log. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
