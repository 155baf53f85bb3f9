import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeFrame,
  type Frame,
  FrameError,
  FrameReader,
  HEADER_LENGTH,
  MAX_FRAME_LENGTH,
} from '../../../../src/libvirt/rpc/frame.ts'
import { procedures, REMOTE_PROGRAM } from '../../../../src/libvirt/rpc/procedures.ts'
import { rawFrame } from './peer.ts'

function read(chunks: Buffer[]): Frame[] {
  const frames: Frame[] = []
  const reader = new FrameReader((frame) => frames.push({ ...frame, body: Buffer.from(frame.body) }))
  for (const chunk of chunks) reader.push(chunk)
  return frames
}

function lengthOnly(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

const frames = fc.array(
  fc.record({
    procedure: fc.nat(500),
    serial: fc.integer({ min: 0, max: 0xffff_ffff }),
    body: fc.uint8Array({ maxLength: 200 }),
  }),
  { maxLength: 20 },
)

test('a stream gives the same frames however it is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sent, sizes) => {
      const stream = Buffer.concat(sent.map(({ body, ...header }) => rawFrame(header, body)))
      const chunks: Buffer[] = []
      for (let at = 0, i = 0; at < stream.length; at += sizes[i++ % sizes.length]!) {
        chunks.push(stream.subarray(at, at + sizes[i % sizes.length]!))
      }
      const received = read(chunks).map(({ procedure, serial, body }) => ({ procedure, serial, body }))
      expect(received).toEqual(sent.map((frame) => ({ ...frame, body: Buffer.from(frame.body) })))
    }),
  )
})

test('the largest frame is read from small chunks without copying it again and again', () => {
  const frame = Buffer.alloc(MAX_FRAME_LENGTH)
  frame.writeUInt32BE(MAX_FRAME_LENGTH)
  const chunks: Buffer[] = []
  for (let at = 0; at < frame.length; at += 1000) chunks.push(frame.subarray(at, at + 1000))
  const [received] = read(chunks)
  expect(received?.body.length).toBe(MAX_FRAME_LENGTH - HEADER_LENGTH)
})

describe('a length that cannot be', () => {
  test.each([0, 4, HEADER_LENGTH - 1, MAX_FRAME_LENGTH + 1, 0x7fff_ffff, 0xffff_ffff])(
    '%i is refused before anything behind it is there',
    (length) => {
      expect(() => read([lengthOnly(length)])).toThrow(FrameError)
      expect(() => read([...lengthOnly(length)].map((byte) => Buffer.from([byte])))).toThrow(FrameError)
      expect(() => read([rawFrame({}), lengthOnly(length)])).toThrow(FrameError)
      expect(() => read([Buffer.concat([rawFrame({}), lengthOnly(length), Buffer.alloc(100)])])).toThrow(
        FrameError,
      )
    },
  )
})

test('a promised frame takes no memory before it comes', () => {
  const reader = new FrameReader(() => undefined)
  const before = process.memoryUsage().arrayBuffers
  const promise = rawFrame({})
  promise.writeUInt32BE(MAX_FRAME_LENGTH)
  reader.push(promise)
  expect(reader.held).toBe(HEADER_LENGTH)
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
})

test('a call is the bytes that the protocol says', () => {
  const header = { program: REMOTE_PROGRAM, procedure: procedures.domainXML.number, type: 0, serial: 7 }
  const domain = { name: 'vm1', uuid: '00112233-4455-6677-8899-aabbccddeeff', id: -1 }
  const frame = encodeFrame(header, procedures.domainXML.args, { domain, flags: 2 })
  const words = [
    '0000003c 20008086 00000001 0000000e 00000000 00000007 00000000', // length to status
    '00000003 766d3100 00112233 44556677 8899aabb ccddeeff ffffffff 00000002', // domain, flags
  ]
  expect(frame.toString('hex')).toBe(words.join('').replaceAll(' ', ''))
})
