/**
 * Asks for an IPv6 address by DHCPv6 as a client would (RFC 8415: Solicit, and what the Advertise offers), since busybox
 * has no such client here; prints the address, or nothing when no server offers one within 2 s.
 *
 *   node test/lab/solicit.ts LINK DUID        (DUID in hexadecimal, its bytes divided by colons)
 */
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'

const [link = '', duid = ''] = process.argv.slice(2)
const [solicit, advertise] = [1, 2]
const [clientId, identityAssociation, address, elapsedTime] = [1, 3, 5, 8]
const patienceMs = 2000

const option = (code: number, content: Buffer) => {
  const head = Buffer.alloc(4)
  head.writeUInt16BE(code)
  head.writeUInt16BE(content.length, 2)
  return Buffer.concat([head, content])
}

/** Contents of the options of a code, at the top of what is given. */
function contents(options: Buffer, code: number): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at + 4 <= options.length; ) {
    const length = options.readUInt16BE(at + 2)
    if (options.readUInt16BE(at) === code) found.push(options.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return found
}

const transaction = randomBytes(3)
const message = Buffer.concat([
  Buffer.from([solicit]),
  transaction,
  option(clientId, Buffer.from(duid.replaceAll(':', ''), 'hex')),
  // IAID 1, and no wishes for the times of renewal.
  option(identityAssociation, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
  option(elapsedTime, Buffer.alloc(2)),
])

const socket = createSocket('udp6')
socket.on('message', (reply) => {
  if (reply[0] !== advertise || !reply.subarray(1, 4).equals(transaction)) return
  for (const association of contents(reply.subarray(4), identityAssociation)) {
    const [offered] = contents(association.subarray(12), address)
    if (!offered) continue
    const groups = Array.from({ length: 8 }, (_, n) => offered.readUInt16BE(2 * n).toString(16))
    // The form in which URL writes IPv6 addresses is the short one of RFC 5952.
    console.log(new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1))
    process.exit()
  }
})
socket.bind(546, () => {
  const ask = () => socket.send(message, 547, `ff02::1:2%${link}`)
  ask()
  setInterval(ask, 500)
  setTimeout(() => process.exit(), patienceMs)
})
