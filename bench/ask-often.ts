/**
 * Asks a DNS server the same question every 20 ms until SIGTERM, and prints how that went as JSON (Answers).
 *
 *   node bench/ask-often.ts SERVER NAME
 */
import { Resolver } from 'node:dns/promises'
import { setTimeout as delay } from 'node:timers/promises'

export interface Answers {
  asked: number
  /** Within a second. */
  unanswered: number
  slowestMs: number
}

const [server = '', name = ''] = process.argv.slice(2)
const resolver = new Resolver({ timeout: 1_000, tries: 1 })
resolver.setServers([server])
const answers: Answers = { asked: 0, unanswered: 0, slowestMs: 0 }
const ending = new AbortController()
process.on('SIGTERM', () => ending.abort())

const asking: Promise<void>[] = []
while (!ending.signal.aborted) {
  asking.push(ask())
  await delay(20)
}
await Promise.all(asking)
console.log(JSON.stringify(answers))

async function ask(): Promise<void> {
  const start = performance.now()
  answers.asked++
  try {
    await resolver.resolve4(name)
  } catch {
    answers.unanswered++
  }
  answers.slowestMs = Math.max(answers.slowestMs, performance.now() - start)
}
