/** The health check for Argo CD, run by the Lua whose dialect Argo CD speaks. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { repository } from './installation.ts'

const file = path.join(repository, 'deploy', 'argo-cd', 'argocd-cm.yaml')
const { data } = parse(readFileSync(file, 'utf8')) as { data: Record<string, string> }
const [check = ''] = Object.values(data)

/** As Argo CD has it: objects and lists are tables, and what is absent is nil. */
function inLua(value: unknown): string {
  if (Array.isArray(value)) return `{${value.map(inLua).join(', ')}}`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value).map(([key, each]) => `[${JSON.stringify(key)}] = ${inLua(each)}`)}}`
}

/** Status and message. */
async function health(status: object | undefined): Promise<string> {
  const object = { metadata: { name: 'vm1-data', generation: 2 }, ...(status && { status }) }
  const script = `obj = ${inLua(object)}
    local health = (function() ${check} end)()
    io.write(health.status, ' ', health.message)`
  return (await execa('lua5.1', ['-'], { input: script })).stdout
}

const ready = (status: string, reason: string, message: string) => ({
  type: 'Ready',
  status,
  reason,
  message,
})
const seen = (...conditions: object[]) => ({ observedGeneration: 2, conditions })
const stalled = { type: 'Stalled', status: 'True', reason: 'NotOwned', message: '' }

it.each([
  ['nothing was said yet', undefined, 'Progressing This version has not been looked at yet'],
  [
    'the API server put its default',
    { observedGeneration: -1 },
    'Progressing This version has not been looked at yet',
  ],
  [
    'only an older spec was looked at',
    { observedGeneration: 1, conditions: [ready('True', 'InSync', 'as it says')] },
    'Progressing This version has not been looked at yet',
  ],
  ['there is no condition', seen(), 'Progressing There is no result yet'],
  ['it is ready', seen(ready('True', 'InSync', 'as it says')), 'Healthy InSync: as it says'],
  ['it is refused', seen(stalled, ready('False', 'NotOwned', 'no grant')), 'Degraded NotOwned: no grant'],
  ['it waits', seen(ready('False', 'PoolExhausted', 'wait')), 'Progressing PoolExhausted: wait'],
  ['its agent is silent', seen(ready('Unknown', 'AgentSilent', 'gone')), 'Progressing AgentSilent: gone'],
  [
    'it is still changing',
    seen({ type: 'Reconciling', status: 'True' }, ready('True', 'NetworkChanging', 'soon')),
    'Progressing NetworkChanging: soon',
  ],
])('where %s', async (_, status, expected) => {
  expect(await health(status)).toBe(expected)
})

it('is the same for every kind that a repository of manifests has and that has a status', () => {
  const key = (kind: string) => `resource.customizations.health.patchbay.dev_${kind}`
  expect(data).toEqual({ [key('GuestInterface')]: check, [key('Network')]: check, [key('PortGroup')]: check })
})
