/**
 * What @stellar/js-xdr costs a call, beside a codec written by hand for this one call: docs/decisions/0001.
 *
 *   node bench/xdr.ts
 */
import { cpus } from 'node:os'
import { encodeFrame, FrameReader } from '../src/libvirt/rpc/frame.ts'
import { procedures, REMOTE_PROGRAM } from '../src/libvirt/rpc/procedures.ts'

const domain = { name: 'vm1', uuid: '09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f', id: 3 }
const update = { domain, xml: '<interface>'.padEnd(500, '.'), flags: 3 }
const header = { program: REMOTE_PROGRAM, procedure: procedures.updateDevice.number, type: 0, serial: 1 }
const reply = encodeFrame({ ...header, type: 1 }, procedures.domainXML.result, {
  xml: '<domain>'.padEnd(20_000, '.'),
})
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const padded = (length: number) => (length + 3) & ~3

function encodeByHand({ domain, xml, flags }: typeof update): Buffer {
  const name = Buffer.byteLength(domain.name)
  const text = Buffer.byteLength(xml)
  const bytes = Buffer.alloc(28 + 4 + padded(name) + 16 + 4 + 4 + padded(text) + 4)
  const words = [bytes.length, header.program, 1, header.procedure, header.type, header.serial, 0, name]
  let at = 0
  for (const word of words) at = bytes.writeUInt32BE(word, at)
  bytes.write(domain.name, at)
  at += padded(name)
  bytes.write(domain.uuid.replaceAll('-', ''), at, 'hex')
  at = bytes.writeInt32BE(domain.id, at + 16)
  at = bytes.writeUInt32BE(text, at)
  bytes.write(xml, at)
  bytes.writeUInt32BE(flags, at + padded(text))
  return bytes
}

const cases: Record<string, () => unknown> = {
  'encode DOMAIN_UPDATE_DEVICE_FLAGS, 500 B of XML, js-xdr': () =>
    encodeFrame(header, procedures.updateDevice.args, update),
  'encode DOMAIN_UPDATE_DEVICE_FLAGS, 500 B of XML, by hand': () => encodeByHand(update),
  'decode DOMAIN_GET_XML_DESC, 20 kB, js-xdr': () =>
    new FrameReader(({ body }) => procedures.domainXML.result.decode(body)).push(reply),
  'decode DOMAIN_GET_XML_DESC, 20 kB, by hand': () =>
    utf8.decode(reply.subarray(32, 32 + reply.readUInt32BE(28))),
}

if (!encodeByHand(update).equals(encodeFrame(header, procedures.updateDevice.args, update))) {
  throw new Error('the codecs differ')
}
console.log(`${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}; µs a call, in batches of 500`)
for (const [name, run] of Object.entries(cases)) {
  const batches: number[] = []
  for (let batch = 0; batch < 300; batch++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < 500; i++) run()
    // The first batches are the compiler's.
    if (batch >= 100) batches.push(Number(process.hrtime.bigint() - start) / 500 / 1000)
  }
  batches.sort((a, b) => a - b)
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((p) => batches[Math.floor(batches.length * p)]!.toFixed(1))
  console.log(`${name.padEnd(58)} p50 ${p50}  p95 ${p95}  p99 ${p99}`)
}
