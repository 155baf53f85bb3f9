import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'

let directory: string
let policy: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'patchbay-setup-'))
  policy = path.join(directory, 'policy-rc.d')
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

/** Runs a script with the functions of setup/debian-packages.sh, the policy file lying in the test's directory. */
function sh(script: string) {
  return execa(
    'sh',
    [
      '-euc',
      `. setup/say.sh; . setup/debian-packages.sh; POLICY="$1"; KEPT_POLICY="$1.kept"; ${script}`,
      'sh',
      policy,
    ],
    { reject: false },
  )
}

test('services are denied while packages are set up, and not longer', async () => {
  const denied = await sh('deny_services; "$POLICY" libvirtd start || echo "answer $?"; allow_services')
  expect(denied.stdout).toBe('answer 101')
  expect(await readdir(directory)).toEqual([])
})

test.each([
  ['the end', 'allow_services'],
  ['a failure', 'give_up "no more"'],
  ['Ctrl-C', 'kill -INT $$; :'],
  ['being ended', 'kill -TERM $$; :'],
  ['being killed, with the next run', 'kill -KILL $$'],
])('a policy that was there before is back after %s', async (_, end) => {
  const mine = '#!/bin/sh\nexit 104\n'
  await writeFile(policy, mine, { mode: 0o755 })
  await sh(`deny_services; ${end}`)
  if (end.includes('KILL')) await sh('mend_policy')
  expect(await readdir(directory)).toEqual(['policy-rc.d'])
  expect(await readFile(policy, 'utf8')).toBe(mine)
})

test('a package that cannot be had is named, with what to do', async () => {
  const log = path.join(directory, 'log')
  await writeFile(log, 'Reading package lists...\nE: Unable to locate package nftables\nE: Second thing\n')
  const result = await sh(`cannot_be_had ${log}`)
  expect(result.exitCode).toBe(1)
  expect(result.stderr).toBe(
    "setup: a Debian package cannot be had (Unable to locate package nftables): check the network and that the sources of apt name Debian's main archive, and run this again.",
  )
})

test("what apt would load is said in apt's own sizes", async () => {
  const said =
    'Need to get 73.1 MB of archives.\nAfter this operation, 292 MB of additional disk space will be used.'
  expect((await sh(`echo '${said}' | sizes`)).stdout).toBe('73.1 MB to load, 292 MB on disk')
})

test('the services that start with the next boot are those of the packages', async () => {
  const services = await sh('services_of runc containerd; services_of iproute2; services_of $DEBIAN_PACKAGES')
  expect(services.stdout).toBe(' containerd libvirtd openvswitch-switch')
})
