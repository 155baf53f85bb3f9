/** What libvirt's protocol needs beyond RFC 4506's own types: text as strings, UUIDs in their usual spelling. */
import { BaseType, type Reader, type Writer, XdrError } from '@stellar/js-xdr'

/** Bytes of one string, VIR_NET_MESSAGE_STRING_MAX. */
export const MAX_STRING = 4_194_304

/** Strict: malformed UTF-8 is an error, a leading byte order mark is kept. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Text extends BaseType<string> {
  readonly kind = 'text'

  _read(reader: Reader, path: string): string {
    const length = reader.readUint32(path)
    if (length > MAX_STRING) {
      throw new XdrError(`${path}: string of ${length} bytes, at most ${MAX_STRING} are allowed`)
    }
    const bytes = reader.readBytes(length, path)
    reader.skipPadding(length, path)
    try {
      return decoder.decode(bytes)
    } catch {
      throw new XdrError(`${path}: not UTF-8`)
    }
  }

  _write(value: string, writer: Writer, path: string): void {
    // libvirt's strings end at the first NUL: what stands behind one would be cut off without a word.
    if (value.includes('\0')) throw new XdrError(`${path}: a string must not contain a NUL character`)
    if (!value.isWellFormed()) throw new XdrError(`${path}: a string must not contain half a surrogate pair`)
    const bytes = Buffer.from(value)
    if (bytes.length > MAX_STRING) {
      throw new XdrError(`${path}: string of ${bytes.length} bytes, at most ${MAX_STRING} are allowed`)
    }
    writer.writeUint32(bytes.length)
    writer.writeBytes(bytes)
    writer.writePadding(bytes.length)
  }
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

class Uuid extends BaseType<string> {
  readonly kind = 'uuid'

  _read(reader: Reader, path: string): string {
    const hex = Buffer.from(reader.readBytes(16, path).buffer).toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  }

  _write(value: string, writer: Writer, path: string): void {
    if (!uuidPattern.test(value)) throw new XdrError(`${path}: not a UUID: ${value}`)
    writer.writeBytes(Buffer.from(value.replaceAll('-', ''), 'hex'))
  }
}

export const text = new Text()
export const uuid = new Uuid()
