/** Frames of a peer that is broken or means harm: nothing may crash, and nothing may be kept that did not come. */
import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { XdrError, type XdrType } from '@stellar/js-xdr'
import { expect, test } from 'vitest'
import { eventFromFrame } from '../../../../src/libvirt/rpc/events.ts'
import {
  type Frame,
  FrameError,
  FrameReader,
  HEADER_LENGTH,
  MAX_FRAME_LENGTH,
} from '../../../../src/libvirt/rpc/frame.ts'
import { errorReply, procedures } from '../../../../src/libvirt/rpc/procedures.ts'
import { rawFrame } from './peer.ts'

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

const seed = 20_260_115
const frames = 1_000_000

/** mulberry32: the same numbers on every machine, so that a failure's number says all. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return (((t ^ (t >>> 14)) >>> 0) % below) | 0
  }
}

const replies: XdrType<unknown>[] = [errorReply, ...Object.values(procedures).map(({ result }) => result)]
const eventNumbers = [315, 318, 333, 354, 367, 376, 379]
const vm1 = Buffer.from('00000003766d310009b11c538b5c4eeb8f00d84eaa0aaa4f00000001', 'hex')
const bodies = [
  Buffer.alloc(0),
  vm1,
  Buffer.concat([Buffer.from('00000000', 'hex'), vm1, Buffer.from('0000000200000000', 'hex')]), // an event
  Buffer.concat([Buffer.from('00000001', 'hex'), vm1, Buffer.from('00000001', 'hex')]), // a list of domains
  Buffer.concat([Buffer.from('0000000b', 'hex'), Buffer.from('<domain/>..\0')]), // XML
  Buffer.from('0000002a0000000a00000001000000026e6f000000000002'.padEnd(120, '0'), 'hex'), // an error
]
/** Lengths, counts and booleans that are worth trying where a number stands. */
const words = [
  0, 1, 2, 3, 5, 0xff, 16_384, 16_385, 4_194_304, 4_194_305, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
]

test(`${frames} random, cut and oversized frames (seed ${seed})`, async () => {
  Error.stackTraceLimit = 0
  const random = randomNumbers(seed)
  const outcomes = { readable: 0, malformed: 0, refused: 0, unfinished: 0 }

  const decode = (frame: Frame) => {
    if (frame.type === 2) eventFromFrame({ ...frame, procedure: eventNumbers[random(eventNumbers.length)]! })
    try {
      replies[random(replies.length)]!.decode(frame.body)
      outcomes.readable += 1
    } catch (error) {
      if (!(error instanceof XdrError)) throw error
      outcomes.malformed += 1
    }
  }

  const bytes = (length: number) => {
    const buffer = Buffer.allocUnsafe(length)
    for (let i = 0; i < length; i++) buffer[i] = random(256)
    return buffer
  }

  /** A good frame, spoiled in one of the ways there are. */
  const hostile = (): Buffer => {
    const way = random(8)
    if (way === 0) return bytes(random(64))
    const body = way === 1 ? bytes(random(96)) : bodies[random(bodies.length)]!
    const frame = rawFrame({ procedure: random(500), type: random(3), serial: random(9) }, body)
    if (way === 2 && body.length >= 4) {
      frame.writeUInt32BE(words[random(words.length)]!, HEADER_LENGTH + 4 * random(body.length >> 2))
    }
    if (way === 3) frame[random(frame.length)]! ^= 1 << random(8)
    if (way === 4) frame.writeUInt32BE(words[random(words.length)]!)
    if (way === 5) return frame.subarray(0, random(frame.length))
    if (way === 6) frame.writeUInt32BE(HEADER_LENGTH + random(MAX_FRAME_LENGTH))
    return frame
  }

  const before = await kept()
  for (let i = 0; i < frames; i++) {
    const reader = new FrameReader(decode)
    const stream = hostile()
    const cut = random(stream.length + 1)
    try {
      reader.push(stream.subarray(0, cut))
      reader.push(stream.subarray(cut))
    } catch (error) {
      if (!(error instanceof FrameError))
        throw new Error(`frame ${i}: ${stream.toString('hex')}`, { cause: error })
      outcomes.refused += 1
    }
    if (reader.held > stream.length)
      throw new Error(`frame ${i}: ${reader.held} bytes held of ${stream.length}`)
    if (reader.held > 0) outcomes.unfinished += 1
  }
  const grown = (await kept()) - before

  // All the ways were gone, and a million frames left nothing behind.
  for (const count of Object.values(outcomes)) expect(count).toBeGreaterThan(10_000)
  expect(grown).toBeLessThan(16 * 1024 * 1024)
}, 60_000)

/** Bytes that are in use once everything that nobody needs is gone; a buffer's memory goes some time after the buffer. */
async function kept(): Promise<number> {
  for (let i = 0; i < 4; i++) {
    collectGarbage()
    await setTimeout(50)
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
