/** Carries out the steps of a plan, in order. Each is safe to repeat, and each boundary is a line in the log. */
import type { Logger } from 'pino'
import type { Step } from '../../core/change-plan.ts'
import type { InterfaceDefinition } from '../../core/definition.ts'
import type { LibvirtClient } from '../../libvirt/client.ts'
import { renderInterface } from '../../libvirt/xml/interface.ts'
import type { Observed } from './gather.ts'
import { stepText } from './report.ts'

export interface Application {
  libvirt: LibvirtClient
  /** Reads the interface again. */
  gather: () => Promise<Observed | undefined>
  log: Logger
  signal: AbortSignal
}

/** The guest was asked to let go of a NIC and still has it: it doesn't answer, or has no operating system that would. */
export class GuestNotReleasing extends Error {
  override name = 'GuestNotReleasing'

  constructor(guest: string) {
    super(
      `Guest ${guest} was asked to let go of the NIC and still has it: it does not answer. The port is held until it does, or is shut down`,
    )
  }
}

/** Throws LibvirtError as libvirt says it, and GuestNotReleasing. What was done until then stands, to be read and planned anew. */
export async function apply(
  steps: Step[],
  observed: Observed,
  effective: InterfaceDefinition,
  to: Application,
): Promise<void> {
  for (const step of steps) {
    to.log.info({ step: stepText(step) }, 'step begins')
    await carryOut(step, observed, effective, to)
    to.log.info({ step: stepText(step) }, 'step done')
  }
}

async function carryOut(
  step: Step,
  observed: Observed,
  effective: InterfaceDefinition,
  to: Application,
): Promise<void> {
  const { libvirt, signal } = to
  const { ref } = observed.guest
  const scope = { live: step.target === 'live', saved: step.target === 'saved' }
  const present = observed[step.target]
  switch (step.action) {
    case 'Attach': {
      // A saved one in whose place another comes hands on what our model has no word for.
      const xml =
        step.target === 'saved'
          ? renderInterface(withAddressOfLive(effective, await to.gather()), present?.xml)
          : renderInterface(effective)
      return libvirt.attachDevice(ref, xml, scope, { signal })
    }
    case 'Update':
      return libvirt.updateDevice(ref, renderInterface(effective, present?.xml), scope, { signal })
    case 'Detach':
      // Named by all that libvirt shows of it: its MAC alone may stand twice. libvirt waits up to 5 s for the guest's answer.
      if (present) await libvirt.detachDevice(ref, present.xml, scope, { signal })
      if (step.target === 'live' && (await to.gather())?.live) throw new GuestNotReleasing(ref.name)
  }
}

/** Where libvirt put it in the running guest, unless something saved is there: the guest is to find its NIC in the same slot after a boot. */
function withAddressOfLive(
  effective: InterfaceDefinition,
  observed: Observed | undefined,
): InterfaceDefinition {
  const address = observed?.live?.definition.settings.address
  const taken = observed?.guest.saved?.interfaces.some(
    ({ definition }) => definition.settings.address === address,
  )
  if (!address || taken || effective.settings.address) return effective
  return { ...effective, settings: { ...effective.settings, address } }
}
