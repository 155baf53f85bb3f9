/**
 * The state directory: one JSON file an object, STATE/<kind in lower case>/[<namespace>/]<name>.json, holding the whole
 * object: the spec as it was last accepted, metadata and status.
 *
 * What must stay true:
 * - A file is only ever replaced as a whole (temporary file, rename); a crash or a full disk leaves the old one.
 * - A file that cannot be read as an object is set aside under another name, never overwritten and never in the way of
 *   the other files.
 * - One process writes here at a time; the agent's host lock sees to that.
 *
 * Writing is synchronous but for fsync: four system calls take 0.25 ms that way and 0.6 ms through the thread pool.
 */
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { z } from 'zod'
import { condition } from '../../api/conditions.ts'
import { portStatus } from '../../api/guest-interface.ts'
import { apiVersion } from '../../api/resource.ts'
import { portFromStatus } from '../../core/port.ts'
import { type Key, keyName, type Resources, type StoredKind } from '../store.ts'

export const storedKinds = [
  'GuestInterface',
  'Network',
  'PortGroup',
  'GuestGrant',
  'Host',
] as const satisfies StoredKind[]

export type StoredObject = Resources[StoredKind]

/** Something that a person should look at; what it is about goes on as well as it can. */
export interface Problem {
  /** Path of the file or directory; of what is in the directory of manifests, as seen from there. */
  file: string
  /** From 1. */
  line?: number
  message: string
}

/** A name that is a file name of its own, in its directory. Kubernetes takes fewer. */
const fileSafe = /^[^./\0][^/\0]*$/

/** What passes go by: one port that nobody can read would keep the ledger from every interface. */
const storedStatus = z.looseObject({
  port: portStatus.loose().refine(isComplete, { error: 'is no port', abort: true }).optional(),
  conditions: z.array(condition.loose()).optional(),
})

function isComplete(port: z.infer<typeof portStatus>): boolean {
  try {
    portFromStatus(port)
    return true
  } catch {
    return false
  }
}

/** What must hold for a file to be taken as an object at all; newer fields are kept as they are. */
const storedObject = z.looseObject({
  apiVersion: z.literal(apiVersion),
  kind: z.enum(storedKinds),
  metadata: z.looseObject({
    name: z.string().regex(fileSafe),
    namespace: z.string().regex(fileSafe).optional(),
    uid: z.string(),
    generation: z.int().min(1),
    creationTimestamp: z.string(),
    deletionTimestamp: z.string().optional(),
  }),
  spec: z.looseObject({}),
  status: storedStatus.optional(),
})

export function keyOf(object: StoredObject): Key {
  const { name, namespace } = object.metadata
  return { kind: object.kind, ...(namespace === undefined ? {} : { namespace }), name }
}

/** A file name takes 255 bytes, a name of Kubernetes 253 characters; the temporary name and `.json` must fit too. */
const longestName = 200

function fileName(name: string): string {
  if (name.length <= longestName) return `${name}.json`
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 32)
  return `${name.slice(0, longestName - digest.length)}+${digest}.json`
}

export class StateDirectory {
  readonly path: string
  /** Directories whose entry in the one above has been fsynced by this process. */
  readonly #durable = new Set<string>()

  constructor(path: string) {
    this.path = path
  }

  /**
   * Reads every object, for who has this directory to himself: files that are torn or aren't objects of ours are set
   * aside as FILE.corrupt-TIME and reported, and what a write left half done is removed.
   */
  load(now: Date): { objects: StoredObject[]; problems: Problem[] } {
    const { objects, problems, leftovers } = this.read()
    for (const file of leftovers) fs.rmSync(file, { force: true })
    return {
      objects,
      problems: problems.map(({ file, message }) => ({
        file,
        message: `${message}; ${setAside(file, now)}`,
      })),
    }
  }

  /** Reads every object and changes nothing, so that it can be called beside a running agent. */
  read(): { objects: StoredObject[]; problems: Problem[]; leftovers: string[] } {
    const objects: StoredObject[] = []
    const problems: Problem[] = []
    const leftovers: string[] = []
    for (const kind of storedKinds) {
      for (const file of filesBelow(join(this.path, kind.toLowerCase()))) {
        if (file.endsWith('.tmp')) leftovers.push(file)
        if (!file.endsWith('.json')) continue
        const read = readObject(file)
        if (read === undefined) continue
        if ('error' in read) {
          problems.push({ file, message: read.error })
        } else if (this.fileOf(keyOf(read.object)) !== file) {
          problems.push({
            file,
            message: `holds ${keyName(keyOf(read.object))}, which belongs into another file`,
          })
        } else {
          objects.push(read.object)
        }
      }
    }
    return { objects, problems, leftovers }
  }

  /** Throws on names that Kubernetes would not take either and that could leave the directory. */
  fileOf(key: Key): string {
    for (const part of [key.name, key.namespace ?? 'default']) {
      if (!fileSafe.test(part)) {
        throw new Error(`${JSON.stringify(part)} cannot be the name of a file in the state directory`)
      }
    }
    const directory = join(this.path, key.kind.toLowerCase(), key.namespace ?? '')
    return join(directory, fileName(key.name))
  }

  /**
   * Replaces the object's file; `durable`: on return it survives a power cut. Rejects when it could not be written;
   * then the old file stands. Never two of one object at once: they share the temporary file.
   */
  async write(object: StoredObject, durable: boolean): Promise<void> {
    const file = this.fileOf(keyOf(object))
    const temporary = join(dirname(file), `.${basename(file)}.tmp`)
    try {
      writeWhole(temporary, `${JSON.stringify(object, undefined, 1)}\n`)
      if (durable) await sync(temporary)
      fs.renameSync(temporary, file)
      if (durable) await this.#syncDirectories(dirname(file))
    } catch (error) {
      fs.rmSync(temporary, { force: true })
      throw new Error(`cannot write ${file}: ${(error as Error).message}`, { cause: error })
    }
  }

  /** On return the object's file survives a power cut, as it was when this was called or newer. */
  async makeDurable(key: Key): Promise<void> {
    const file = this.fileOf(key)
    await sync(file)
    await this.#syncDirectories(dirname(file))
  }

  /** On return the object's file is gone, also after a power cut. */
  async remove(key: Key): Promise<void> {
    const file = this.fileOf(key)
    try {
      fs.unlinkSync(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    await sync(dirname(file))
  }

  /** The directory of the file each time, those above it once: they were made by this process at the earliest. */
  async #syncDirectories(directory: string): Promise<void> {
    await sync(directory)
    for (
      let made = directory;
      made !== dirname(this.path) && !this.#durable.has(made);
      made = dirname(made)
    ) {
      await sync(dirname(made))
      this.#durable.add(made)
    }
  }
}

function writeWhole(file: string, text: string): void {
  try {
    fs.writeFileSync(file, text)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    fs.mkdirSync(dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }
}

async function sync(path: string): Promise<void> {
  const handle = await fs.promises.open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Nothing where there is no such file any more. */
function readObject(file: string): { object: StoredObject } | { error: string } | undefined {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : { error: message }
  }
  try {
    const parsed = storedObject.safeParse(JSON.parse(text))
    if (parsed.success) return { object: parsed.data as unknown as StoredObject }
    return { error: `not an object of ours: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}` }
  } catch (error) {
    return { error: text === '' ? 'the file is empty' : `torn: ${(error as Error).message}` }
  }
}

function setAside(file: string, now: Date): string {
  const aside = `${file}.corrupt-${now.toISOString().replaceAll(':', '')}`
  try {
    fs.renameSync(file, aside)
    return `set aside as ${aside}`
  } catch (error) {
    return `not set aside: ${(error as Error).message}`
  }
}

/** Full paths, sorted, with one level of namespaces; none where there is no such directory. */
function filesBelow(directory: string, deeper = true): string[] {
  let entries: fs.Dirent[]
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return entries
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name)
      if (entry.isDirectory()) return deeper ? filesBelow(path, false) : []
      return entry.isFile() ? [path] : []
    })
}
