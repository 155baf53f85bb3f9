/** Run by convergence.test.ts until it is killed: writes the status of five objects in turn, again and again. */
import { DirectoryStore } from '../../../../src/store/directory/store.ts'

const [manifests, state] = process.argv.slice(2) as [string, string]
const store = new DirectoryStore({ manifests, state, log: { warn: () => {}, error: () => {} } })
await store.start(() => {}, new AbortController().signal)
const begun = Math.max(...store.list('GuestInterface').map(({ status }) => status?.observedGeneration ?? 0))
for (let round = begun + 1; ; round++) {
  for (let n = 0; n < 5; n++) {
    const key = { kind: 'GuestInterface', namespace: 'default', name: `nic${n}` } as const
    await store.writeStatus(key, { observedGeneration: round }, round % 2 === 0)
  }
  if (round === begun + 1) process.stdout.write('begun\n')
}
