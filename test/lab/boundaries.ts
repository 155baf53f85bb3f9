/** Kills the agent at every step boundary of a change in turn. */
import { setTimeout as delay } from 'node:timers/promises'
import type { LabAgent } from './agent.ts'

export interface Change {
  /** Brings the host to where the change begins, the manifests written, no agent running. */
  prepare(): Promise<void>
  /** With the agent dead, before it is started again. */
  meanwhile?(): Promise<void>
  /** The agent was started again: waits for what must come of it, at most 5 s, and checks that nothing is left over. */
  converges(): Promise<void>
  /** Whether the agent has done all there is to do: then it passed fewer boundaries than were asked for. */
  isDone(): Promise<boolean>
}

/**
 * For every boundary: prepare, let the agent die there by SIGKILL, start it again, converge. `ms`: dies so many milliseconds
 * later, in the middle of the step. Gives the number of boundaries.
 */
export async function dieAtEveryBoundary(agent: LabAgent, change: Change, ms = 0): Promise<number> {
  for (let n = 1; ; n++) {
    await change.prepare()
    await agent.startCrashing(n, ms)
    let done = false
    while (agent.alive && !done) {
      await delay(20)
      done = await change.isDone()
    }
    // Done, and about to die all the same: the last boundary comes after, or `ms` are not over.
    const died = (await endsWithin(agent, done ? ms + 200 : 0)) === 'SIGKILL'
    if (!died) {
      await agent.kill9()
      return n - 1
    }
    await change.meanwhile?.()
    await agent.start()
    await change.converges()
    await agent.stop()
  }
}

async function endsWithin(agent: LabAgent, ms: number): Promise<number | string | null | undefined> {
  const timeout = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => timeout.resolve(undefined), ms)
  const end = agent.alive ? await Promise.race([agent.ended(), timeout.promise]) : await agent.ended()
  clearTimeout(timer)
  return end
}
