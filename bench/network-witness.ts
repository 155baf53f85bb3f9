/** What happens to a libvirt network while something is done to it: counted on the host, and felt by a client on its bridge. */
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { BridgeClient } from '../test/lab/bridge-client.ts'
import type { LabHost } from '../test/lab/host.ts'
import type { Answers } from './ask-often.ts'

export interface WatchedNetwork {
  name: string
  bridge: string
  /** Of the bridge; the client takes the next one but nine. */
  gateway: string
  /** Written by the network's dnsmasq (option log-facility). */
  log: string
}

export interface Interruptions {
  /** How often dnsmasq was started, and told by SIGHUP to read its hosts again. */
  restarts: number
  reloads: number
  /** How often libvirt made the network's firewall rules again. */
  firewall: number
  /** To a place outside, through the network, every 50 ms. */
  pings: { sent: number; missed: number }
  dns: Answers
}

/** A name that every watched network has to know. */
export const askedFor = 'witness'

const rulesLog = '/run/bench/rules.log'

export class NetworkWitness {
  readonly #host: LabHost
  readonly #network: WatchedNetwork
  readonly #client: string
  readonly #pinged: string

  private constructor(host: LabHost, network: WatchedNetwork, client: string, pinged: string) {
    this.#host = host
    this.#network = network
    this.#client = client
    this.#pinged = pinged
  }

  /** Begins to write down what becomes of the firewall; once a host, and before any witness is called. */
  static async watchFirewall(host: LabHost): Promise<void> {
    await host.run(`mkdir -p /run/bench; : >${rulesLog}`)
    await host.spawn('sh', ['-c', `exec nft monitor rules >>${rulesLog}`], { stdio: 'ignore' })
  }

  /** `pinged`: an address that the client reaches by its gateway. */
  static async call(host: LabHost, network: WatchedNetwork, pinged: string): Promise<NetworkWitness> {
    const { bridge, gateway } = network
    const client = `c-${bridge}`
    await BridgeClient.plug(host, client, bridge, '52:54:06:00:00:01')
    await host.run(`
      ip -n ${client} address add ${gateway.replace(/\.1$/, '.10')}/16 dev eth0
      ip -n ${client} route add default via ${gateway}`)
    return new NetworkWitness(host, network, client, pinged)
  }

  /** `change` gives its time. */
  async during(change: () => Promise<number>): Promise<{ ms: number; interruptions: Interruptions }> {
    const before = await this.#counts()
    const pings = await this.#start(['busybox', 'ping', '-i', '0.05', this.#pinged])
    const questions = await this.#start([
      process.execPath,
      'bench/ask-often.ts',
      this.#network.gateway,
      askedFor,
    ])
    await delay(500)
    const ms = await change()
    await delay(500)
    const dns = JSON.parse(await questions.end('SIGTERM')) as Answers
    const said = await pings.end('SIGINT')
    const after = await this.#counts()
    const [, sent, received] = /(\d+) packets transmitted, (\d+) packets received/.exec(said)!.map(Number)
    const [restarts, reads, firewall] = after.map((count, n) => count - before[n]!) as [
      number,
      number,
      number,
    ]
    const interruptions = {
      restarts,
      // It reads them once as it starts.
      reloads: reads - restarts,
      firewall,
      pings: { sent: sent!, missed: sent! - received! },
      dns,
    }
    return { ms, interruptions }
  }

  /** Starts of dnsmasq, readings of its hosts, makings of the firewall rules, so far. */
  async #counts(): Promise<[number, number, number]> {
    const { log, name, bridge } = this.#network
    const rule = `insert rule ip filter LIBVIRT_FWX iifname "${bridge}" oifname "${bridge}"`
    const script = `
      grep -c ': started, version' ${log} || true
      grep -c 'read .*/${name}.hostsfile' ${log} || true
      grep -c '${rule}' ${rulesLog} || true`
    return (await this.#host.run(script)).split('\n').map(Number) as [number, number, number]
  }

  async #start(command: string[]): Promise<{ end(signal: NodeJS.Signals): Promise<string> }> {
    const { pid, child } = await this.#host.spawn('ip', ['netns', 'exec', this.#client, ...command], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const said = text(child.stdout!)
    return {
      async end(signal) {
        const exited = once(child, 'exit')
        process.kill(pid, signal)
        await exited
        return said
      },
    }
  }
}
