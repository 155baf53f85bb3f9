/**
 * What a process tells those who run it, over HTTP: /healthz (alive), /readyz (does its work), /metrics (Prometheus).
 * It says nothing secret and changes nothing: whoever reaches the address may read it.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Checks, type Verdict } from './checks.ts'
import { addressText, type ListenAddress } from './listen-address.ts'
import { processMetrics } from './process-metrics.ts'
import { Registry } from './prometheus.ts'

/** Somebody else listens there. */
export class AddressInUse extends Error {
  override readonly name = 'AddressInUse'

  constructor(address: ListenAddress) {
    super(`--listen ${addressText(address)}: the port is in use by another process`)
  }
}

export class Operations {
  /** What the process has to measure. */
  readonly metrics: Registry
  /** Failing: the process does not get better by itself, and is to be started anew. */
  readonly alive: Checks
  /** Failing: it does not do its work now, which may be nobody's fault. */
  readonly ready: Checks
  readonly #server: Server

  /** Rejects with AddressInUse, or an error that names what is wrong with the address. Until checks are set, it is alive and not ready. */
  static async listen(address: ListenAddress): Promise<Operations> {
    const operations = new Operations()
    const server = operations.#server
    try {
      server.listen(address.port, address.address)
      await once(server, 'listening')
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'EADDRINUSE') throw new AddressInUse(address)
      throw new Error(`--listen ${addressText(address)}: ${message}`, { cause: error })
    }
    return operations
  }

  private constructor() {
    this.metrics = new Registry()
    processMetrics(this.metrics)
    this.alive = new Checks()
    this.ready = new Checks()
    this.ready.set('started', () => 'not all that it works on has been read yet')
    // Looked after every second: whoever connects and says nothing must not keep probes out for longer than that says.
    const patience = { requestTimeout: 10_000, headersTimeout: 5_000, connectionsCheckingInterval: 1_000 }
    this.#server = createServer(patience, (request, response) => {
      // The only thing that can fail is a metric of ours, which must not end the process.
      this.#answer(request, response).catch((error: unknown) => {
        send(response, 500, `${error instanceof Error ? error.message : String(error)}\n`)
      })
    })
    this.#server.maxConnections = 64
  }

  /** What it was waiting for at the start is there; from now on the other checks alone say whether it is ready. */
  started(): void {
    this.ready.set('started', () => undefined)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, 405, 'only GET and HEAD\n', { Allow: 'GET, HEAD' })
    } else if (path === '/healthz') tell(response, this.alive.ask())
    else if (path === '/readyz') tell(response, this.ready.ask())
    else if (path === '/metrics') {
      send(response, 200, await this.metrics.metrics(), { 'Content-Type': this.metrics.contentType })
    } else send(response, 404, 'there are /healthz, /readyz and /metrics\n')
  }
}

function tell(response: ServerResponse, { good, text }: Verdict): void {
  send(response, good ? 200 : 503, text)
}

function send(
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  if (response.headersSent) return
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...headers })
  response.end(text)
}
