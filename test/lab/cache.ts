/** Where the lab keeps what is costly to make again and good for every host: never state of a host. */
import { homedir } from 'node:os'
import path from 'node:path'

/** `$XDG_CACHE_HOME/patchbay-lab`, by default below ~/.cache. */
export function cacheDirectory(): string {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'patchbay-lab')
}
