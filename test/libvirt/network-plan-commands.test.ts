/** The commands that `patchbay network-plan` shows to people, pasted into a shell of a real host. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LabHost } from '../lab/host.ts'

let host: LabHost

beforeAll(async () => {
  host = await LabHost.start({ name: 'abc' })
})
afterAll(() => host?.stop())

/** A name and a record that a shell could take for something else. */
const name = "it's; a $(lab)"

const from = `<network><name>${name}</name>
  <dns><txt name='old' value='1'/><host ip='10.7.0.9'><hostname>nine</hostname></host></dns>
  <ip address='10.7.0.1' prefix='24'><dhcp>
    <range start='10.7.0.100' end='10.7.0.199'/>
    <host mac='52:54:00:00:07:01' name='one' ip='10.7.0.11'/>
    <host mac='52:54:00:00:07:02' name='two' ip='10.7.0.12'/>
  </dhcp></ip>
  <portgroup name='a'/></network>`

const to = `
apiVersion: patchbay.dev/v1alpha1
kind: Network
metadata: {name: lab}
spec:
  networkName: ${JSON.stringify(name)}
  dns:
    txts: [{name: new, value: '"$HOME" & ''yes'' <b>'}]
    hosts: [{ip: 10.7.0.9, hostnames: [nine, neun]}]
    srvs: [{service: ldap, protocol: tcp, domain: lab.example, target: one, port: 389}]
  ips:
    - address: 10.7.0.1
      prefix: 24
      dhcp:
        ranges: [{start: 10.7.0.100, end: 10.7.0.150, lease: {expiry: 2, unit: hours}}]
        hosts:
          - {mac: "52:54:00:00:07:02", name: zwei, ip: 10.7.0.12}
          - {mac: "52:54:00:00:07:03", name: three, ip: 10.7.0.13}
---
apiVersion: patchbay.dev/v1alpha1
kind: PortGroup
metadata: {name: lab.b}
spec: {networkName: ${JSON.stringify(name)}, groupName: b, default: true}
`

async function plan(live: boolean, format: string) {
  const dump = await host.virsh('net-dumpxml', name, ...(live ? [] : ['--inactive']))
  const args = ['--from', await host.file(dump), '--to', '-', ...(live ? ['--live'] : []), '-o', format]
  const command = ['src/cli/main.ts', 'network-plan', ...args]
  const { exitCode, stdout } = await host.exec(process.execPath, command, { input: to, reject: false })
  return { code: exitCode, out: String(stdout) }
}

it.each([
  ['a running network', true],
  ['the saved definition of a stopped one', false],
])('carried out one by one they make one definition the other: %s', async (_, live) => {
  await host.virsh('net-define', await host.file(from))
  if (live) await host.virsh('net-start', name)

  const { code, out } = await plan(live, 'table')
  expect(code).toBe(2)
  const commands = out.split('\n').flatMap((line) => /virsh net-update .*$/.exec(line)?.[0] ?? [])
  expect(commands.length).toBeGreaterThan(5)
  await host.run(commands.join('\n'))

  expect(JSON.parse((await plan(live, 'json')).out)).toMatchObject({ updates: [], restartRequired: [] })
  expect(await host.virsh('net-dumpxml', name)).toContain('$HOME')
  if (live) await host.virsh('net-destroy', name)
  await host.virsh('net-undefine', name)
})
