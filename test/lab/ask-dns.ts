/**
 * Asks a DNS server one question, and prints the answers as a JSON array of strings: `dig +short` for the lab, in whose
 * Debian packages there is none.
 *
 *   node test/lab/ask-dns.ts SERVER A|TXT|SRV|PTR NAME
 */
import { Resolver } from 'node:dns/promises'

const [server = '', type = '', name = ''] = process.argv.slice(2)
const resolver = new Resolver({ timeout: 1000, tries: 3 })
resolver.setServers([server])

const questions: Record<string, () => Promise<string[]>> = {
  A: () => resolver.resolve4(name),
  TXT: async () => (await resolver.resolveTxt(name)).map((chunks) => chunks.join('')),
  SRV: async () => {
    const records = await resolver.resolveSrv(name)
    return records.map((each) => `${each.priority} ${each.weight} ${each.port} ${each.name}`)
  },
  PTR: () => resolver.reverse(name),
}

/** The server answered, that there is none. dnsmasq without a server of its own to ask refuses what it doesn't know. */
const none = ['ENOTFOUND', 'ENODATA', 'EREFUSED']

const answers = await questions[type]!().catch((error: NodeJS.ErrnoException) => {
  if (none.includes(error.code ?? '')) return []
  throw error
})
console.log(JSON.stringify(answers.sort()))
