/** A directory store over real directories, for the tests beside this file. */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach } from 'vitest'
import { DirectoryStore } from '../../../../src/store/directory/store.ts'
import type { Key } from '../../../../src/store/store.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

export interface Place {
  manifests: string
  state: string
}

export function place(): Place {
  const root = fs.mkdtempSync(join(tmpdir(), 'patchbay-store-'))
  undo.push(() => fs.rmSync(root, { recursive: true, force: true }))
  const manifests = join(root, 'manifests')
  fs.mkdirSync(manifests)
  return { manifests, state: join(root, 'state') }
}

export class Running {
  readonly store: DirectoryStore
  readonly woken: string[] = []
  readonly logged: { message: string; fields: object }[] = []
  readonly #abort = new AbortController()

  constructor({ manifests, state }: Place) {
    const log = (fields: object, message: string) => void this.logged.push({ message, fields })
    this.store = new DirectoryStore({ manifests, state, log: { warn: log, error: log } })
    undo.push(async () => {
      this.stop()
      // What it writes then is written within this turn of the event loop.
      await setImmediate()
    })
  }

  async start(): Promise<this> {
    await this.store.start(({ kind, name }) => void this.woken.push(`${kind}/${name}`), this.#abort.signal)
    return this
  }

  stop(): void {
    this.#abort.abort()
  }
}

export const start = (at: Place): Promise<Running> => new Running(at).start()

export const nic = (name: string): Key & { kind: 'GuestInterface' } => ({
  kind: 'GuestInterface',
  namespace: 'default',
  name,
})

export function interfaceManifest(name: string, spec: object = {}): string {
  const whole = { guest: { name: 'vm1' }, source: { bridge: { name: 'br0' } }, ...spec }
  return `apiVersion: patchbay.dev/v1alpha1
kind: GuestInterface
metadata: {name: ${name}}
spec: ${JSON.stringify(whole)}
`
}

export function networkManifest(name: string, spec: object = {}): string {
  return `apiVersion: patchbay.dev/v1alpha1
kind: Network
metadata: {name: ${name}}
spec: ${JSON.stringify({ forward: { mode: 'bridge' }, bridge: { name: 'br0' }, ...spec })}
`
}

export function portGroupManifest(name: string): string {
  return `apiVersion: patchbay.dev/v1alpha1
kind: PortGroup
metadata: {name: ${name}}
spec: {networkName: net}
`
}

/** As an editor does: another file, renamed into place. */
export function replace(file: string, text: string): void {
  fs.writeFileSync(`${file}.new`, text)
  fs.renameSync(`${file}.new`, file)
}
