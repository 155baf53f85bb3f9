import { createConnection, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, it } from 'vitest'
import type { ListenAddress } from '../../../src/operations/listen-address.ts'
import { Operations } from '../../../src/operations/operations.ts'
import { Gauge } from '../../../src/operations/prometheus.ts'
import { readExposition } from '../../lab/exposition.ts'

const begun: Operations[] = []
afterEach(async () => {
  for (const operations of begun.splice(0)) await operations.close()
})

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function listening(): Promise<{ operations: Operations; at: ListenAddress; url: string }> {
  const at = { address: '127.0.0.1', port: await freePort() }
  const operations = await Operations.listen(at)
  begun.push(operations)
  return { operations, at, url: `http://127.0.0.1:${at.port}` }
}

async function get(url: string, init?: RequestInit): Promise<[number, string]> {
  const answer = await fetch(url, init)
  return [answer.status, await answer.text()]
}

it('is alive from the start, and ready once it has started and all checks hold', async () => {
  const { operations, url } = await listening()
  expect(await get(`${url}/healthz`)).toEqual([200, 'ok\n'])
  expect(await get(`${url}/readyz`)).toEqual([
    503,
    '[-]started failed: not all that it works on has been read yet\nfailed\n',
  ])

  let away: string | undefined = 'nobody answers'
  operations.ready.set('libvirt', () => away)
  operations.started()
  expect(await get(`${url}/readyz?verbose`)).toEqual([
    503,
    '[+]started ok\n[-]libvirt failed: nobody answers\nfailed\n',
  ])
  away = undefined
  expect(await get(`${url}/readyz`)).toEqual([200, '[+]started ok\n[+]libvirt ok\nok\n'])

  operations.alive.set('passes', () => 'stuck')
  expect(await get(`${url}/healthz`)).toEqual([503, '[-]passes failed: stuck\nfailed\n'])
})

it('serves metrics, and only reads are taken', async () => {
  const { url } = await listening()
  const answer = await fetch(`${url}/metrics`)
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  expect([...readExposition(await answer.text()).keys()]).toContain('process_resident_memory_bytes')
  expect(await get(`${url}/metrics`, { method: 'HEAD' })).toEqual([200, ''])
  expect(await get(`${url}/metrics`, { method: 'POST' })).toEqual([405, 'only GET and HEAD\n'])
  expect((await get(`${url}/metrics/`))[0]).toBe(404)
  expect((await get(`${url}/%2e%2e/etc/passwd`))[0]).toBe(404)
})

it('a metric that cannot be read fails that answer alone', async () => {
  const { operations, url } = await listening()
  new Gauge({
    name: 'patchbay_broken',
    help: 'Throws',
    registers: [operations.metrics],
    collect() {
      throw new Error('no such thing')
    },
  })
  expect(await get(`${url}/metrics`)).toEqual([500, 'no such thing\n'])
  expect((await get(`${url}/healthz`))[0]).toBe(200)
})

it('what is no HTTP, or hangs up in the middle, does no harm', async () => {
  const { at, url } = await listening()
  const noise = createConnection(at.port, at.address)
  noise.write('\0\x01\x02 nonsense\r\n\r\n')
  expect(await text(noise)).toContain('400 Bad Request')
  const quitter = createConnection(at.port, at.address)
  quitter.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  quitter.destroy()
  expect((await get(`${url}/healthz`))[0]).toBe(200)
})

it('says what is wrong with an address that it cannot have', async () => {
  const { at } = await listening()
  await expect(Operations.listen(at)).rejects.toThrow(
    `--listen 127.0.0.1:${at.port}: the port is in use by another process`,
  )
  // Of a documentation network: no address of this machine.
  await expect(Operations.listen({ address: '192.0.2.1', port: 9745 })).rejects.toThrow(
    /^--listen 192\.0\.2\.1:9745: listen EADDRNOTAVAIL/,
  )
})

it('closes at once, whoever is connected, and the port is free again', async () => {
  const { operations, at } = await listening()
  const idle = createConnection(at.port, at.address)
  await new Promise((resolve) => idle.once('connect', resolve))
  begun.length = 0
  await operations.close()
  begun.push(await Operations.listen(at))
})
