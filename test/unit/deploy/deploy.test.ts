/** What the deployment says twice, here and in the code, is the same. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { reasons } from '../../../src/api/reasons.ts'
import { source } from '../../../src/api/settings.ts'

const root = path.join(import.meta.dirname, '../../..')
const textOf = (...names: string[]) => readFileSync(path.join(root, ...names), 'utf8')

describe.each(['alerts.yaml', 'dashboard.json'])('monitoring/%s', (name) => {
  const text = textOf('deploy', 'monitoring', name)

  it('asks for metrics that there are', () => {
    const page = textOf('docs', 'reference', 'metrics.md')
    const known = new Set([...page.matchAll(/^\| `(\w+)`/gm)].map(([, metric]) => metric!))
    const asked = [...text.matchAll(/\b(?:patchbay|process|nodejs)_\w+/g)].map(([metric]) =>
      metric.replace(/_(bucket|sum|count)$/, ''),
    )
    expect(asked.length).toBeGreaterThan(10)
    expect(asked.filter((metric) => !known.has(metric))).toEqual([])
  })

  it('asks for reasons that there are', () => {
    const asked = [...text.matchAll(/reason=\\?"(\w+)/g)].map(([, reason]) => reason!)
    expect(asked).not.toEqual([])
    expect(asked.filter((reason) => !(reason in reasons))).toEqual([])
  })
})

it('takes every source for one of the host itself but a Network and none', () => {
  const [policy] = parseAllDocuments(textOf('deploy', 'policies', 'host-sources.yaml'))
  const raw = Object.keys(source.shape).filter((name) => name !== 'network' && name !== 'user')
  // Whether the policy is asked at all, and what it then finds.
  for (const place of [
    ['matchConditions', 0],
    ['variables', 1],
  ]) {
    const expression = policy!.getIn(['spec', ...place, 'expression']) as string
    const asked = [...expression.matchAll(/has\(object\.spec\.source\.(\w+)\)/g)].map(([, name]) => name!)
    expect(asked.sort()).toEqual(raw.sort())
  }
})

it('runs the image of this version', () => {
  const { version } = JSON.parse(textOf('package.json')) as { version: string }
  expect(parse(textOf('deploy', 'kustomization.yaml')).images).toEqual([
    { name: 'patchbay', newTag: version },
  ])
})
