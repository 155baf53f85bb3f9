/** Run by state.test.ts with a small file system of its own on /mnt: prints what a store does when that is full, then read-only. */
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { DirectoryStore } from '../../../../src/store/directory/store.ts'

const key = { kind: 'GuestInterface', namespace: 'default', name: 'a' } as const
const file = '/mnt/state/guestinterface/default/a.json'
fs.mkdirSync('/mnt/manifests')
const manifest = {
  apiVersion: 'patchbay.dev/v1alpha1',
  kind: 'GuestInterface',
  metadata: { name: 'a' },
  spec: { guest: { name: 'vm1' }, source: { bridge: { name: 'br0' } } },
}
fs.writeFileSync('/mnt/manifests/a.json', JSON.stringify(manifest))
const log = { warn: () => {}, error: () => {} }
const store = new DirectoryStore({ manifests: '/mnt/manifests', state: '/mnt/state', log })
const end = new AbortController()
await store.start(() => {}, end.signal)

const failure = (work: Promise<void>) =>
  work.then(
    () => 'written',
    (error: Error) => error.message,
  )
const status = () => store.get('GuestInterface', 'a', 'default')?.status

await store.writeStatus(key, { guestState: 'Off' })
const filler = fs.openSync('/mnt/filler', 'w')
try {
  for (;;) fs.writeSync(filler, Buffer.alloc(4096))
} catch {
  // Full.
}
const full = await failure(store.writeStatus(key, { guestState: 'Running' }, true))
const statusWhenFull = status()
const fileWhenFull = JSON.parse(fs.readFileSync(file, 'utf8')).status
fs.closeSync(filler)
fs.rmSync('/mnt/filler')
await store.writeStatus(key, { guestState: 'Unknown' }, true)
const afterwards = JSON.parse(fs.readFileSync(file, 'utf8')).status
execFileSync('mount', ['-o', 'remount,ro', '/mnt'])
const readOnly = await failure(store.writeStatus(key, { guestState: 'Running' }))
const statusWhenReadOnly = status()
const names = fs.readdirSync('/mnt/state/guestinterface/default')
process.stdout.write(
  JSON.stringify({ full, statusWhenFull, fileWhenFull, afterwards, readOnly, statusWhenReadOnly, names }),
)
end.abort()
