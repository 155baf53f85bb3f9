import { expect, it } from 'vitest'
import { meaningOfUpdateError } from '../../../../src/core/network/update-error.ts'

/** As libvirt 9.0 said them. */
it.each<[said: string, meaning: RegExp]>([
  ['Requested operation is not valid: network is not running', /does not run/],
  [
    "Requested operation is not valid: couldn't update dhcp host entry - no <ip> element found at index 5 in network 'n1'",
    /no address at this place/,
  ],
  [
    `Requested operation is not valid: there is an existing dhcp host entry in network 'n1' that matches "<host mac='52:54:00:00:00:01' name='(null)' ip='192.168.77.53'/>"`,
    /same mac, ip or name/,
  ],
  [
    `Requested operation is not valid: couldn't locate an existing dhcp host entry with "mac='52:54:00:00:00:09'" "name='(null)'" "ip='192.168.77.59'" in network 'n1'`,
    /no such DHCP host/,
  ],
  [
    "Requested operation is not valid: couldn't locate a matching dhcp host entry in network 'n1'",
    /no such DHCP host/,
  ],
  [
    'Operation not supported: DNS TXT records cannot be modified, only added or deleted',
    /cannot make the change/,
  ],
  [
    "Requested operation is not valid: couldn't locate a matching DNS TXT record in network n1",
    /no such DNS record/,
  ],
  [
    "Requested operation is not valid: there is already a DNS TXT record with name 'a' in network n1",
    /already/,
  ],
  [
    'Requested operation is not valid: there is already at least one DNS HOST record with a matching field in network n1',
    /same address or one of the names/,
  ],
  [
    'Requested operation is not valid: multiple DNS SRV records matching all specified fields were found in network n1',
    /Several DNS records/,
  ],
  [
    `Requested operation is not valid: there is an existing dhcp range entry in network 'n1' that matches "<range start='192.168.77.10' end='192.168.77.20'/>"`,
    /range already/,
  ],
  [
    "Requested operation is not valid: couldn't locate a matching dhcp range entry in network 'n1'",
    /no such DHCP range/,
  ],
  [
    'internal error: range 192.168.78.15 - 192.168.78.25 is not entirely within network 192.168.77.1/24',
    /inside of the subnet/,
  ],
  [
    `Requested operation is not valid: there is an existing portgroup entry in network 'n1' that matches "<portgroup name='patchbay'>"`,
    /port group already/,
  ],
  [
    "Requested operation is not valid: couldn't find a portgroup entry in network 'n1' matching <portgroup name='nope'>",
    /no such port group/,
  ],
  [
    "Requested operation is not valid: a different portgroup entry in network 'n1' is already set as the default. Only one default is allowed.",
    /another default port group/,
  ],
])('%s', (said, meaning) => {
  expect(meaningOfUpdateError(said)).toMatch(meaning)
})

it('leaves what it does not know to libvirt', () => {
  expect(meaningOfUpdateError('internal error: something new')).toBeUndefined()
})
