/** The agent within a process of a lab host, for those that change one thing about it. */
import type { Logger } from 'pino'
import { type AgentOptions, runAgent } from '../../src/agent/agent.ts'

type Chosen = Pick<AgentOptions, 'openStore' | 'binding' | 'hostName'> & Partial<Pick<AgentOptions, 'signal'>>

/** Without a signal until it is killed. */
export function runLabAgent(chosen: Chosen, log: Logger): Promise<number> {
  const { hostName, signal = new AbortController().signal } = chosen
  return runAgent(
    {
      ...chosen,
      hostLabels: { 'kubernetes.io/hostname': hostName },
      libvirt: '/run/libvirt/libvirt-sock',
      once: false,
      signal,
    },
    log,
  )
}
