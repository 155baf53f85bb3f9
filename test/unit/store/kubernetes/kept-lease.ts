/** A server that keeps one Lease and takes writes of it as the API server does: of the version that it has, or never. */
import { type Asked, FakeApiServer, refuse, sendJson } from './fake-api-server.ts'

export interface KeptLease {
  metadata: { name: string; resourceVersion: string }
  spec: Record<string, unknown>
}

export class LeaseServer {
  /** undefined: there is none. */
  lease: KeptLease | undefined
  /** Refuses writes with this, or never answers them. */
  fault: 'silent' | { code: number; reason: string } | undefined
  #version = 0
  #server!: FakeApiServer

  static async start(): Promise<LeaseServer> {
    const kept = new LeaseServer()
    kept.#server = await FakeApiServer.start((asked, response) => {
      const { fault, lease } = kept
      if (asked.method !== 'GET' && fault === 'silent') return
      if (asked.method !== 'GET' && typeof fault === 'object')
        return refuse(response, fault.code, fault.reason)
      if (asked.method === 'POST' && lease) return refuse(response, 409, 'AlreadyExists')
      if (asked.method !== 'POST' && !lease) return refuse(response, 404, 'NotFound')
      if (asked.method === 'GET') return sendJson(response, lease!)
      const { metadata, spec } = JSON.parse(asked.body) as KeptLease
      if (asked.method === 'PUT' && metadata.resourceVersion !== lease!.metadata.resourceVersion)
        return refuse(response, 409, 'Conflict')
      sendJson(response, kept.put(asked.method === 'PATCH' ? { ...lease!.spec, ...spec } : spec))
    })
    return kept
  }

  access() {
    return this.#server.access()
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }

  get writes(): Asked[] {
    return this.#server.asked.filter(({ method }) => method !== 'GET')
  }

  /** What somebody writes there. */
  put(spec: Record<string, unknown>): KeptLease {
    this.lease = { metadata: { name: 'lease', resourceVersion: String(++this.#version) }, spec }
    return this.lease
  }
}
