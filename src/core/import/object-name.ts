/** What an object is called that stands for something of libvirt's, whose names may hold nearly anything. */
import { createHash } from 'node:crypto'
import { objectName } from '../../api/names.ts'

const longest = 253
/** Hexadecimal digits: 40 bits, so that a million names that need them meet with a chance of one in two. */
const hashDigits = 10
const endsAsHashed = new RegExp(`-[0-9a-f]{${hashDigits}}$`)

/**
 * The name for what libvirt knows by these names, one inside the other, such as a network and its port group: joined by dots
 * where Kubernetes can carry that, else its letters and digits with a hash of the originals behind. The same names
 * always give the same name, whatever else there is, and of as many other names each gives another.
 */
export function objectNameOf(...names: [string, ...string[]]): string {
  const joined = names.join('.')
  // Cut at its last dots, it gives the names back; what ends like a hashed name must not be taken for one.
  const plain = names.slice(1).every((name) => !name.includes('.')) && !endsAsHashed.test(joined)
  if (plain && objectName.safeParse(joined).success) return joined
  const readable = joined
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '')
    .slice(0, longest - hashDigits - 1)
    .replace(/-$/, '')
  // No name of libvirt has a line break.
  const hash = createHash('sha256').update(names.join('\n')).digest('hex').slice(0, hashDigits)
  return readable === '' ? hash : `${readable}-${hash}`
}
