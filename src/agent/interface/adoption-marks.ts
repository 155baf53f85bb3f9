/** Writes into a guest's metadata which of its interfaces we took over. */
import PQueue from 'p-queue'
import { type AdoptionMark, takenBefore, withMark, withoutMark } from '../../core/adoption/marks.ts'
import type { LibvirtClient } from '../../libvirt/client.ts'
import { adoptionElement, readMarks, renderMarks } from '../../libvirt/xml/adoption-marks.ts'
import type { ObservedGuest } from '../guest.ts'

const targets = ['live', 'saved'] as const
type Target = (typeof targets)[number]

export class AdoptionMarks {
  readonly #libvirt: LibvirtClient
  /** The marks of a guest are one element: reading and writing it is one turn. */
  readonly #turns = new PQueue({ concurrency: 1 })

  constructor(libvirt: LibvirtClient) {
    this.#libvirt = libvirt
  }

  /** Gives the mark of another interface that took the same one over at the same moment; then nothing is written. */
  async write(
    guest: ObservedGuest,
    marks: Partial<Record<Target, AdoptionMark>>,
    signal: AbortSignal,
  ): Promise<AdoptionMark | undefined> {
    return this.#turns.add(async () => {
      const present = await Promise.all(
        targets.map(async (target) => ({
          target,
          mark: marks[target],
          there: marks[target] ? await this.#read(guest, target, signal) : [],
        })),
      )
      for (const { mark, there } of present) {
        const other = mark && takenBefore(there, mark)
        if (other) return other
      }
      for (const { target, mark, there } of present) {
        if (mark) await this.#set(guest, target, withMark(there, mark), signal)
      }
      return undefined
    })
  }

  /** Takes the marks of an interface away, where there are any. */
  async erase(
    guest: ObservedGuest,
    of: { namespace: string; name: string },
    signal: AbortSignal,
  ): Promise<void> {
    const marked = targets.filter(
      (target) => guest[target] && withoutMark(guest[target].marks, of).length < guest[target].marks.length,
    )
    if (marked.length === 0) return
    await this.#turns.add(async () => {
      for (const target of marked) {
        const there = await this.#read(guest, target, signal)
        await this.#set(guest, target, withoutMark(there, of), signal)
      }
    })
  }

  async #read(guest: ObservedGuest, target: Target, signal: AbortSignal): Promise<AdoptionMark[]> {
    const xml = await this.#libvirt.getMetadata(guest.ref, adoptionElement.uri, target, { signal })
    return xml === undefined ? [] : readMarks(xml)
  }

  async #set(
    guest: ObservedGuest,
    target: Target,
    marks: AdoptionMark[],
    signal: AbortSignal,
  ): Promise<void> {
    const scope = { live: target === 'live', saved: target === 'saved' }
    await this.#libvirt.setMetadata(guest.ref, { ...adoptionElement, xml: renderMarks(marks) }, scope, {
      signal,
    })
  }
}
