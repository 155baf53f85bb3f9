/** The virtual functions of an SR-IOV device, as sysfs shows them. */
import { readdir, readlink } from 'node:fs/promises'
import { basename } from 'node:path'

export interface VirtualFunction {
  /** Such as 0000:03:10.1. */
  address: string
  /** Its link on the host; absent while it is bound to another driver. */
  link?: string
}

/** In order of their index; none for a link that is no physical function or isn't there. `ls /sys/class/net/PF/device | grep virtfn` */
export async function virtualFunctions(physicalFunction: string, sys = '/sys'): Promise<VirtualFunction[]> {
  const device = `${sys}/class/net/${physicalFunction}/device`
  const entries = await list(device)
  const indexes = entries.flatMap((name) => /^virtfn(\d+)$/.exec(name)?.[1] ?? []).map(Number)
  return Promise.all(
    indexes
      .sort((a, b) => a - b)
      .map(async (index) => {
        const address = basename(await readlink(`${device}/virtfn${index}`))
        const [link] = await list(`${device}/virtfn${index}/net`)
        return { address, ...(link && { link }) }
      }),
  )
}

async function list(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
