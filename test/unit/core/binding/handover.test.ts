/**
 * The handover as a model: one interface, an API server that compares versions, two controllers (one of them may believe that
 * it still leads), three hosts with an agent each, and a guest that goes where it likes. Commands come in any order; what each
 * of them knows may be out of date.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { GuestInterface } from '../../../../src/api/guest-interface.ts'
import { decide, type Surroundings } from '../../../../src/core/binding/decide.ts'
import type { Sighting } from '../../../../src/core/binding/place.ts'
import { cluster, one, portOn, readyIs, unbound } from './cluster.ts'

const names = ['abc', 'def', 'ghi'] as const
type Name = (typeof names)[number]
type GuestAt = 'absent' | 'off' | 'running'

interface Stored {
  version: number
  resource: GuestInterface
}

/**
 * One agent, as `src/agent` works: one pass at a time over what it last heard, the port written down before it is used, unless
 * nobody has answered the binding yet.
 */
class Agent {
  readonly name: Name
  /** What it was told last; `left`: the interface is on another host now. */
  known: (Stored & { left?: boolean }) | undefined
  /** What a pass is about to do; a crash forgets it. */
  pending: 'plug' | 'tell' | 'release' | undefined
  /** Something in the manifests keeps it from plugging. */
  refuses = false
  /** Its next write reaches the API server, and nothing after it in either direction: not even the answer. */
  losesTouch = false
  cutOff = false
  /** Its word that it has nothing was not answered, and nothing has been since. */
  behind = false
  paused = false
  /** Its Lease has run out. */
  silent = false
  /** The interface is in its host's guest. */
  plugged = false

  constructor(name: Name) {
    this.name = name
  }
}

class World {
  stored: Stored = { version: 1, resource: unbound() }
  /** The object is deleted, and its finalizer gone. */
  gone = false
  readonly agents = names.map((name) => new Agent(name))
  readonly guest: Record<Name, GuestAt> = { abc: 'absent', def: 'absent', ghi: 'absent' }
  /** As each host last told. */
  readonly told: Record<Name, GuestAt> = { abc: 'absent', def: 'absent', ghi: 'absent' }
  readonly controllers: ({ seen: Stored; surroundings: Surroundings } | undefined)[] = [undefined, undefined]
  /** Hosts whose agents were passed over: silent, while the guest ran elsewhere. */
  readonly passedOver = new Set<Name>()

  write(version: number, status: GuestInterface['status']): boolean {
    if (this.stored.version !== version) return false
    this.stored = { version: version + 1, resource: { ...this.stored.resource, status } }
    return true
  }

  delete(): void {
    const { version, resource } = this.stored
    const metadata = { ...resource.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
    this.stored = { version: version + 1, resource: { ...resource, metadata } }
  }

  surroundings(): Surroundings {
    const sightings = names.flatMap((hostName): Sighting[] =>
      this.told[hostName] === 'absent'
        ? []
        : [{ hostName, name: 'vm1', uuid: one, running: this.told[hostName] === 'running' }],
    )
    return cluster(sightings, { silent: this.agents.filter(({ silent }) => silent).map(({ name }) => name) })
  }

  look(controller: number): void {
    this.controllers[controller] = { seen: this.stored, surroundings: this.surroundings() }
  }

  act(controller: number): void {
    const view = this.controllers[controller]
    if (!view) return
    const { seen, surroundings } = view
    const { hostName, nextHostName, guestUUID, bound, finalizer } = decide(seen.resource, surroundings)
    if (seen.resource.metadata.deletionTimestamp) {
      if (!finalizer) this.gone ||= seen.version === this.stored.version
      return
    }
    const { port, hostName: before, conditions } = seen.resource.status ?? {}
    const changes = hostName !== before || nextHostName !== seen.resource.status?.nextHostName || bound
    if (!changes || !hostName) return
    const status = {
      hostName,
      guestUUID,
      ...(nextHostName && { nextHostName }),
      ...(port && { port }),
      conditions: bound ? [readyIs('Unknown')] : conditions,
    }
    if (!this.write(seen.version, status) || hostName === before) return
    this.passedOver.delete(hostName as Name)
    const old = this.agents.find(({ name }) => name === before)
    if (before && (port?.hostName === before || conditions?.[0]?.status === 'Unknown')) {
      // The rule itself: nobody is passed over unless silent, with the guest running elsewhere.
      expect(surroundings.hosts.get(before!)?.silent).toBe(true)
      expect(surroundings.sightings.some((each) => each.hostName === hostName && each.running)).toBe(true)
      this.passedOver.add(old!.name)
    }
  }

  /** A watch by status.hostName: one that left it is asked for, and forgotten where it holds nothing. */
  tell(agent: Agent): void {
    const { known, name, cutOff } = agent
    if (cutOff) return
    const mine = !this.gone && this.stored.resource.status?.hostName === name
    if (mine) agent.known = this.stored
    else if (known) agent.known = holdsNothing(known.resource) ? undefined : { ...known, left: true }
  }

  pass(agent: Agent): void {
    const { known, name } = agent
    if (agent.paused || !known) return
    const { metadata, status } = known.resource
    const { port, ...rest } = status!
    const isAnswered = port?.hostName === name || rest.conditions?.[0]?.status !== 'Unknown'
    const isLeaving = rest.nextHostName !== undefined || metadata.deletionTimestamp !== undefined
    if (known.left) {
      agent.plugged = false
      agent.known = undefined
      agent.pending = undefined
      this.passedOver.delete(name)
    } else if (agent.pending === 'release' || isLeaving) {
      agent.plugged = false
      if (agent.pending !== 'release') {
        agent.pending = 'release'
        return
      }
      agent.pending = undefined
      if (port || !isAnswered) this.save(agent, { ...rest, conditions: [readyIs('False')] })
    } else if (agent.pending === 'tell') {
      agent.pending = undefined
      this.save(agent, { ...rest, port: portOn(name), conditions: [readyIs('True')] })
    } else if (this.guest[name] === 'absent' || agent.refuses) {
      agent.pending = undefined
      if (isAnswered) return
      // What an agent that was killed has left is its port; else it has nothing.
      const left = agent.plugged ? { port: portOn(name) } : {}
      this.save(agent, { ...rest, ...left, conditions: [readyIs('False')] })
    } else if (agent.pending === 'plug' || (port?.hostName === name && !agent.behind)) {
      agent.plugged = true
      agent.pending = undefined
    } else if (!isAnswered && !agent.behind) {
      agent.plugged = true
      agent.pending = 'tell'
    } else if (this.save(agent, { ...rest, port: portOn(name) })) {
      agent.pending = 'plug'
    }
  }

  /** By version only where that is said to matter: a port, and whatever concerns an interface that moves. */
  save(agent: Agent, status: NonNullable<GuestInterface['status']>): boolean {
    const { version, resource } = this.stored
    const { port, conditions } = status
    const now = resource.status
    const { status: known } = agent.known!.resource
    const setsPort = port !== undefined && known?.port?.hostName !== agent.name
    const isVersioned = setsPort || known?.nextHostName !== undefined
    // A policy of the API server's.
    if (
      agent.cutOff ||
      this.gone ||
      now?.hostName !== agent.name ||
      (isVersioned && agent.known!.version !== version)
    ) {
      agent.behind ||= port === undefined
      return false
    }
    const { port: _, ...others } = now
    this.write(version, { ...others, ...(port && { port }), ...(conditions && { conditions }) })
    agent.cutOff = agent.losesTouch
    agent.losesTouch = false
    agent.behind = agent.cutOff && (agent.behind || port === undefined)
    if (agent.cutOff) return false
    agent.known = this.stored
    return true
  }

  place(name: Name, at: GuestAt): void {
    this.guest[name] = at
    // What was plugged goes with the definition.
    if (at === 'absent') this.agents.find((agent) => agent.name === name)!.plugged = false
  }

  get inCharge(): Name[] {
    return this.agents
      .filter(({ name, plugged }) => plugged && !this.passedOver.has(name))
      .map(({ name }) => name)
  }
}

function holdsNothing({ status }: GuestInterface): boolean {
  return status?.port === undefined && status?.conditions?.[0]?.status !== 'Unknown'
}

type Command = [string, (world: World) => void]
const ofHost = (text: string, run: (world: World, agent: Agent) => void) =>
  fc.nat({ max: 2 }).map((n): Command => [`${text} ${names[n]}`, (world) => run(world, world.agents[n]!)])

/** All who are at work come to do it once: without these nothing long enough comes about. */
const moments = fc.constant<Command>([
  'a moment passes',
  (world) => {
    for (const { name, paused, cutOff } of world.agents)
      if (!paused && !cutOff) world.told[name] = world.guest[name]
    world.look(0)
    world.act(0)
    for (const agent of world.agents) {
      world.tell(agent)
      world.pass(agent)
    }
  },
])

const commands = fc.oneof(
  { arbitrary: moments, weight: 5 },
  fc.nat({ max: 1 }).map((n): Command => [`controller ${n} looks`, (world) => world.look(n)]),
  fc.nat({ max: 1 }).map((n): Command => [`controller ${n} acts`, (world) => world.act(n)]),
  fc.nat({ max: 1 }).map(
    (n): Command => [
      `controller ${n} looks and acts`,
      (world) => {
        world.look(n)
        world.act(n)
      },
    ],
  ),
  ofHost('tells', (world, agent) => world.tell(agent)),
  ofHost('passes', (world, agent) => world.pass(agent)),
  ofHost('is told and passes', (world, agent) => {
    world.tell(agent)
    world.pass(agent)
  }),
  ofHost('takes inventory', (world, agent) => {
    if (!agent.paused && !agent.cutOff) world.told[agent.name] = world.guest[agent.name]
  }),
  ofHost('is paused', (_, agent) => {
    agent.paused = true
  }),
  ofHost('falls silent', (_, agent) => {
    agent.silent = agent.paused || agent.cutOff
  }),
  ofHost('goes on', (_, agent) => {
    agent.paused = false
    agent.cutOff = false
    agent.silent = false
  }),
  ofHost('is kept from plugging', (_, agent) => {
    agent.refuses = true
  }),
  ofHost('is free to plug', (_, agent) => {
    agent.refuses = false
  }),
  ofHost('loses touch', (_, agent) => {
    agent.losesTouch = true
  }),
  ofHost('is killed and started', (world, agent) => {
    agent.pending = undefined
    agent.known = undefined
    agent.behind = false
    agent.cutOff = false
    world.tell(agent)
  }),
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom('absent', 'off', 'running'))
    .map(([name, at]): Command => [`guest ${at} on ${name}`, (world) => world.place(name, at as GuestAt)]),
  fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)).map(
    ([from, to]): Command => [
      `guest migrates ${from} to ${to}`,
      (world) => {
        if (world.guest[from] === 'absent' || from === to) return
        const at = world.guest[from]
        world.place(from, 'off')
        world.place(to, at)
      },
    ],
  ),
)

const runs = fc.array(commands, { minLength: 1, maxLength: 80, size: 'max' })
const showing = { numRuns: 10_000 }

it('never has two agents in charge of one interface', () => {
  fc.assert(
    fc.property(runs, (steps) => {
      const world = new World()
      const done: string[] = []
      for (const [text, run] of steps) {
        run(world)
        done.push(text)
        if (world.inCharge.length > 1) throw new Error(`${world.inCharge}: ${done.join('; ')}`)
      }
    }),
    showing,
  )
})

it('comes to where the guest is once all answer again, with the port there', () => {
  fc.assert(
    fc.property(runs, fc.constantFrom(...names), fc.boolean(), (steps, last, offElsewhere) => {
      const world = new World()
      for (const [, run] of steps) run(world)
      for (const name of names) {
        world.place(name, name === last ? 'running' : offElsewhere ? 'off' : 'absent')
        world.told[name] = world.guest[name]
      }
      for (const agent of world.agents) {
        agent.paused = false
        agent.silent = false
        agent.refuses = false
        agent.losesTouch = false
        agent.cutOff = false
      }
      for (let round = 0; round < 20; round++) {
        world.look(round % 2)
        world.act(round % 2)
        for (const agent of world.agents) {
          world.tell(agent)
          world.pass(agent)
        }
      }
      const { hostName, nextHostName, port } = world.stored.resource.status!
      expect({ hostName, nextHostName, port: port?.hostName }).toEqual({
        hostName: last,
        nextHostName: undefined,
        port: last,
      })
      expect(world.inCharge).toEqual([last])
    }),
    showing,
  )
})

it('leaves nothing plugged in that nobody knows of when it is deleted', () => {
  fc.assert(
    fc.property(runs, runs, (before, after) => {
      const world = new World()
      for (const [, run] of before) run(world)
      world.delete()
      for (const [, run] of after) run(world)
      for (const agent of world.agents) {
        agent.paused = false
        agent.silent = false
        agent.losesTouch = false
        agent.cutOff = false
      }
      for (let round = 0; round < 20; round++) {
        world.look(0)
        world.act(0)
        for (const agent of world.agents) {
          world.tell(agent)
          world.pass(agent)
        }
      }
      const done = [...before, ['is deleted'], ...after].map(([text]) => text).join('; ')
      expect([world.gone, ...world.inCharge], done).toEqual([true])
    }),
    showing,
  )
})
