import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { crdFiles, crdKustomization } from '../../../src/api/crd.ts'
import { main, patchbay } from './patchbay.ts'

const commands = ['agent', 'controller', 'plan', 'resolve', 'network-plan', 'import', 'status', 'crds']

test('--help names every command with what it does', () => {
  const { code, out } = patchbay('--help')
  expect(code).toBe(0)
  for (const command of commands) expect(out).toMatch(new RegExp(`^  ${command} .*[a-z]`, 'm'))
})

test.each(commands)('%s has a help of its own', (command) => {
  const help = patchbay(command, '--help')
  expect(help.code).toBe(0)
  expect(help.out).toMatch(new RegExp(`^Usage: patchbay ${command} `))
  expect(help.error).toBe('')
})

describe('a usage error exits with 1, says what is wrong and names the right use', () => {
  const cases: [string[], RegExp][] = [
    [
      ['statu'],
      /unknown command 'statu'[\s\S]*Commands: agent, controller, plan, resolve, network-plan, import, status, crds/,
    ],
    [['status', 'extra'], /too many arguments[\s\S]*usage: patchbay status /],
    [['status', '-o', 'xml'], /Allowed choices are table, json, yaml[\s\S]*usage: patchbay status /],
    [['status', '--state'], /argument missing[\s\S]*usage: patchbay status /],
    [
      ['agent'],
      /give one of --kubeconfig FILE, --in-cluster and --manifests DIR[\s\S]*usage: patchbay agent /,
    ],
    [['agent', '--manifests', 'a', '--in-cluster'], /one place only[\s\S]*usage: patchbay agent /],
    [['agent', '--kubeconfig', 'f', '--in-cluster'], /one place only[\s\S]*usage: patchbay agent /],
    [['agent', '--in-cluster'], /which Node this host is: give --host-name NAME, or NODE_NAME/],
    [['agent', '--in-cluster', '--host-name', 'a'], /no pod of a cluster[\s\S]*Give --kubeconfig FILE/],
    [
      ['agent', '--kubeconfig', '/does/not/exist', '--host-name', 'a'],
      /^error: \/does\/not\/exist: there is no such file$/m,
    ],
    [['controller'], /give one of --kubeconfig FILE and --in-cluster[\s\S]*usage: patchbay controller /],
    [
      ['controller', '--kubeconfig', 'f', '--in-cluster'],
      /one cluster only[\s\S]*usage: patchbay controller /,
    ],
    [['controller', '--in-cluster'], /no pod of a cluster[\s\S]*Give --kubeconfig FILE/],
    [['controller', '--kubeconfig', '/'], /^error: \/: that is a directory, not a file$/m],
    [['agent', '--kubeconfig', 'f', '--host-name', 'a', '--state', 's'], /--state goes with --manifests/],
    [
      ['agent', '--manifests', 'a', '--listen', '9745'],
      /"9745" is not ADDRESS:PORT, such as 127\.0\.0\.1:9745[\s\S]*usage: patchbay agent /,
    ],
    [
      ['controller', '--in-cluster', '--listen', '::1:9746'],
      /"::1:9746" is not ADDRESS:PORT.* \[::1\]:9745[\s\S]*usage: patchbay controller /,
    ],
    [['agent', '--manifests', 'a', '--host-label', 'x'], /a label is KEY=VALUE[\s\S]*usage: patchbay agent /],
    [['agent', '--manifests', 'a', '--host-label', '=x'], /"" cannot be the key of a label/],
    [['agent', '--manifests', 'a', '--host-label', 'x=a b'], /"a b" cannot be the value of a label/],
    [
      ['agent', '--manifests', 'a', '--host-name', 'A_b'],
      /"A_b" is not a host name[\s\S]*usage: patchbay agent /,
    ],
    [['agent', '--manifest', 'a'], /Did you mean --manifests/],
    [['status', '--state', '/does/not/exist'], /there is no directory \/does\/not\/exist \(state\)/],
  ]
  test.each(cases)('%j', (args, message) => {
    const { code, out, error } = patchbay(...args)
    expect(error).toMatch(message)
    expect(out).toBe('')
    expect(code).toBe(1)
  })

  test('nothing asked for', () => {
    const { code, error } = patchbay()
    expect(code).toBe(1)
    expect(error).toMatch(/^Usage: patchbay /)
  })
})

test('crds prints all definitions, or writes a file for each and a kustomization', () => {
  const printed = patchbay('crds')
  expect(printed.code).toBe(0)
  const names = parseAllDocuments(printed.out).map((document) => document.toJS().metadata.name)
  expect(names).toHaveLength(Object.keys(crdFiles()).length)
  const directory = mkdtempSync(join(tmpdir(), 'patchbay-crds-'))
  try {
    const out = join(directory, 'new')
    expect(patchbay('crds', '--out', out)).toEqual({ code: 0, out: '', error: '' })
    const written = readdirSync(out).map((name) => [name, readFileSync(join(out, name), 'utf8')])
    expect(Object.fromEntries(written)).toEqual({
      ...crdFiles(),
      'kustomization.yaml': crdKustomization(),
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a reader that has seen enough is no error', () => {
  const script = 'set -o pipefail; "$0" "$1" crds | head -n 1'
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, main], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  expect(stdout.split('\n')).toHaveLength(2)
  expect(status).toBe(0)
})
