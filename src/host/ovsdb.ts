/**
 * Asks Open vSwitch's database by its own protocol, JSON-RPC over a unix socket (RFC 7047): half a millisecond, where a
 * process of ovs-vsctl takes ten.
 */
import { connect } from 'node:net'
import { addAbortSignal } from 'node:stream'
import { HostError } from './host-error.ts'

/** Where ovs-vsctl looks for it too. */
const SOCKET = '/var/run/openvswitch/db.sock'

/** A database that answers later than this hangs. */
const DEADLINE_MS = 5_000
const MAX_ANSWER_BYTES = 256 * 2 ** 20

/** An atom, or ["uuid", id], ["set", values], ["map", pairs]; a set of exactly one value is written as that value. */
export type Value = string | number | boolean | [string, unknown]
export type Row = Record<string, Value>

export type Condition = [column: string, comparison: '==' | 'includes', value: Value]

/** `ovs-vsctl --columns=COLUMNS list TABLE`; with `where`, only rows for which all of it holds. */
export interface Select {
  table: 'Bridge' | 'Port' | 'Interface' | 'QoS'
  columns: string[]
  where?: Condition[]
}

/**
 * The rows of each selection, all of one moment. Undefined when no Open vSwitch runs on this host. Throws a HostError
 * when it runs and doesn't answer.
 */
export async function select(selections: Select[], signal: AbortSignal): Promise<Row[][] | undefined> {
  const operations = selections.map((each) => ({ op: 'select', where: [], ...each }))
  const request = { method: 'transact', params: ['Open_vSwitch', ...operations], id: 0 }
  let answer: Answer
  try {
    answer = await ask(JSON.stringify(request), signal)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined
    if (signal.aborted) throw new HostError('asking Open vSwitch was interrupted', 'interrupted', error)
    throw new HostError(
      `Open vSwitch's database at ${SOCKET} does not answer: ${message}`,
      'retryable',
      error,
    )
  }
  const failed = answer.error ?? answer.result?.find((each) => each?.error)
  if (failed || answer.result?.length !== selections.length) {
    throw new HostError(`Open vSwitch's database refused to answer: ${JSON.stringify(failed)}`, 'retryable')
  }
  return answer.result.map((each) => each?.rows ?? [])
}

interface Answer {
  result: ({ rows?: Row[]; error?: string } | null)[] | null
  error: unknown
}

/** Answers have no frame: one is whole when it is JSON. */
async function ask(request: string, signal: AbortSignal): Promise<Answer> {
  const socket = connect({ path: SOCKET })
  addAbortSignal(AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]), socket)
  socket.write(request)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new Error('its answer is too long')
    const answer = chunk.at(-1) === CLOSING_BRACE ? parsed(Buffer.concat(chunks)) : undefined
    if (answer) return answer
  }
  throw new Error('it hung up')
}

const CLOSING_BRACE = 0x7d

function parsed(text: Buffer): Answer | undefined {
  try {
    return JSON.parse(text.toString()) as Answer
  } catch {
    return undefined
  }
}

/** The values of a column of any number of them. */
export function valuesOf(value: Value | undefined): Value[] {
  if (value === undefined) return []
  return Array.isArray(value) && value[0] === 'set' ? (value[1] as Value[]) : [value]
}

export function mapOf(value: Value | undefined): Record<string, string> {
  return Array.isArray(value) && value[0] === 'map' ? Object.fromEntries(value[1] as [string, string][]) : {}
}

export function uuidOf(value: Value | undefined): string | undefined {
  return Array.isArray(value) && value[0] === 'uuid' ? String(value[1]) : undefined
}
