/** What libvirt's answers to a live update of a network mean, in our words: its own name a function of its code, not what to do. */

/** Each by words of libvirt 9.0 and 11.3. Where several fit, the first holds. */
const meanings: readonly (readonly [said: RegExp, meaning: string])[] = [
  [
    /network is not running/,
    'The network does not run, so that there is nothing to update: it is started first',
  ],
  [
    /no <ip> element found at index|at index -?\d+ in network/,
    'The network has no address at this place in its list of ips: somebody changed the running network meanwhile. It is read and planned again',
  ],
  [
    /^(?!.*<ip>).*parent[- ]?index/i,
    'The place in the list of ips is not one that libvirt takes. The network is read and planned again',
  ],
  [
    /existing dhcp host entry .* that matches/,
    'Another DHCP host of the running network has the same mac, ip or name. Each of them may stand once',
  ],
  [
    /multiple dhcp host entries|matches more than one/i,
    'Several DHCP hosts of the running network share mac, ip or name with this one, and libvirt does not choose. The network is read and planned again',
  ],
  [
    /couldn't locate an existing dhcp host entry|couldn't locate a matching dhcp host entry/,
    'The running network has no such DHCP host any more: somebody changed it meanwhile. It is read and planned again',
  ],
  [
    /existing dhcp range entry/,
    'The running network has this DHCP range already. It is read and planned again',
  ],
  [
    /couldn't locate a matching dhcp range/,
    'The running network has no such DHCP range any more: somebody changed it meanwhile. It is read and planned again',
  ],
  [/not entirely within network/, 'The DHCP range must lie inside of the subnet of its address'],
  [/range .* (is reversed|reversed|start larger than end)/i, 'The DHCP range must not end before it starts'],
  [
    /already at least one DNS HOST record with a matching field/,
    'Another DNS host of the running network has the same address or one of the names. The network is read and planned again',
  ],
  [
    /multiple matching DNS HOST records|multiple DNS SRV records/,
    'Several DNS records of the running network fit, and libvirt does not choose. Restart the network to change this one',
  ],
  [
    /couldn't locate a matching DNS (HOST|TXT|SRV) record/,
    'The running network has no such DNS record any more: somebody changed it meanwhile. It is read and planned again',
  ],
  [
    /already a DNS TXT record|already a DNS SRV record/,
    'The running network has this DNS record already. It is read and planned again',
  ],
  [
    /different portgroup entry .* already set as the default/,
    'The running network has another default port group, and may have one only. It is read and planned again',
  ],
  [
    /existing portgroup entry .* that matches/,
    'The running network has this port group already. It is read and planned again',
  ],
  [
    /couldn't find a portgroup entry/,
    'The running network has no such port group any more: somebody changed it meanwhile. It is read and planned again',
  ],
  [
    /existing interface entry/,
    'The running network has this forward interface already. It is read and planned again',
  ],
  [
    /couldn't find an? interface entry/,
    'The running network has no such forward interface any more: somebody changed it meanwhile. It is read and planned again',
  ],
  [
    /too many stored leases/,
    'dnsmasq does not start with more leases than its DHCP ranges have addresses: nobody gets an address or a name of this network until the ranges are wide enough again, or leases have run out',
  ],
  [/in use by|is in use/, 'A running guest uses the device. It can go when the guest has left it'],
  [
    /cannot be modified, only added or deleted|can't update|not supported/i,
    'This libvirt cannot make the change while the network runs',
  ],
]

/** undefined where libvirt's own words say all that is known. */
export function meaningOfUpdateError(said: string): string | undefined {
  return meanings.find(([words]) => words.test(said))?.[1]
}
