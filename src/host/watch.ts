/** Hears of changes of the host's links. */
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { execa } from 'execa'
import type { Logger } from 'pino'
import { toolError } from './tool.ts'

/** Before ip is started again after it ended: doubles from the first to the last, and begins anew once ip has run that long. */
const FIRST_WAIT_MS = 200
const LAST_WAIT_MS = 30_000
/** The kernel tells of one link a dozen times while it is made and plugged in: told once, at most so much later. */
const GATHER_MS = 10

/**
 * Calls `changed` with the names of the links that appear, change or go, until the signal aborts; with undefined when
 * any link may have changed: in the beginning, and whenever events were lost. Stands for `ip monitor link`.
 *
 * A name is a hint and no more, since links of one name follow each other and a link's alias can imitate a line. What
 * changes while ip starts may go unheard: a resync finds it. Resolves when ip has ended after the signal; never rejects.
 */
export async function watchLinks(
  changed: (links: ReadonlySet<string> | undefined) => void,
  signal: AbortSignal,
  log: Logger,
): Promise<void> {
  for (let waitMs = FIRST_WAIT_MS; !signal.aborted; waitMs = Math.min(2 * waitMs, LAST_WAIT_MS)) {
    const start = performance.now()
    const err = await monitor(changed, signal)
    if (signal.aborted) return
    if (performance.now() - start > LAST_WAIT_MS) waitMs = FIRST_WAIT_MS
    log.warn({ err, waitMs }, 'watch of links ended, will begin again')
    await delay(waitMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Runs ip until it ends; gives why it did. Slow callers hold up ip, not memory: the kernel then drops events and ip says so. */
async function monitor(
  changed: (links: ReadonlySet<string> | undefined) => void,
  signal: AbortSignal,
): Promise<Error | undefined> {
  const tell = gathered(changed, signal)
  const ip = execa('ip', ['-oneline', 'monitor', 'link'], {
    buffer: false,
    stdin: 'ignore',
    cancelSignal: signal,
    env: { LC_ALL: 'C' },
  })
  ip.nodeChildProcess.once('spawn', () => tell(undefined))
  // "netlink receive error No buffer space available": ip goes on, without what was dropped.
  ip.stderr.on('data', () => tell(undefined))
  createInterface(ip.stdout).on('line', (line) => tell(linkIn(line)))
  try {
    await ip
    return undefined
  } catch (error) {
    return toolError('ip', error)
  }
}

/** Hands on what was told within GATHER_MS together; undefined stands for all links. */
function gathered(
  changed: (links: ReadonlySet<string> | undefined) => void,
  signal: AbortSignal,
): (link: string | undefined) => void {
  let links: Set<string | undefined> = new Set()
  return (link) => {
    if (links.size === 0) {
      setTimeout(() => {
        const told = links
        links = new Set()
        if (!signal.aborted) changed(told.has(undefined) ? undefined : (told as Set<string>))
      }, GATHER_MS)
    }
    links.add(link)
  }
}

/** The link in a line such as `7: vnet0@if6: <UP> ...` or `Deleted 7: vnet0: <> ...`. */
export function linkIn(line: string): string | undefined {
  const shown = /^(?:Deleted )?\d+: ([^\s:]+): </.exec(line)?.[1]
  // What stands below it follows the name after an @, which may be part of a name too: then it is anybody's guess.
  if (shown === undefined || shown.split('@').length > 2) return undefined
  return shown.split('@')[0]
}
