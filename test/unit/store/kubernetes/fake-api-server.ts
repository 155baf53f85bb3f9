/**
 * An HTTP server in the API server's place, for what the real one cannot be made to show: it answers as it is told, and a
 * connection can fall silent.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Access } from '../../../../src/store/kubernetes/access.ts'

export interface Asked {
  method: string
  /** Path and query. */
  url: URL
  headers: IncomingMessage['headers']
  body: string
}

export type Answer = (asked: Asked, response: ServerResponse) => void

export class FakeApiServer {
  readonly asked: Asked[] = []
  readonly #server = createServer((request, response) => void this.#take(request, response))
  readonly #answer: Answer

  private constructor(answer: Answer) {
    this.#answer = answer
  }

  static async start(answer: Answer): Promise<FakeApiServer> {
    const server = new FakeApiServer(answer)
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  /** `token`: asked for each time that credentials are read. */
  access(token: () => string = () => 'secret'): Access {
    const { port } = this.#server.address() as AddressInfo
    return {
      server: `http://127.0.0.1:${port}`,
      credentials: async () => ({ tls: {}, headers: { Authorization: `Bearer ${token()}` } }),
    }
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += chunk
    const asked = {
      method: request.method!,
      url: new URL(request.url!, 'http://fake'),
      headers: request.headers,
      body,
    }
    this.asked.push(asked)
    this.#answer(asked, response)
  }
}

export function isWatch({ url }: Asked): boolean {
  return url.searchParams.has('watch')
}

export function sendJson(response: ServerResponse, value: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

/** As Kubernetes says it. */
export function refuse(
  response: ServerResponse,
  code: number,
  reason: string,
  headers: Record<string, string> = {},
): void {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    code,
    reason,
    message: `so it is: ${reason}`,
  }
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(status))
}

/** A line of a watch. */
export function tell(response: ServerResponse, type: string, object: object): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
  response.write(`${JSON.stringify({ type, object })}\n`)
}

export function page(version: number, items: object[], more?: string): object {
  return { metadata: { resourceVersion: String(version), ...(more && { continue: more }) }, items }
}

export function bookmark(version: number): object {
  return { metadata: { resourceVersion: String(version) } }
}
