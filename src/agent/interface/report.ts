/** What a pass has found so far about an interface, and its status as it will be written. */
import type { Condition } from '../../api/conditions.ts'
import type { GuestInterface, GuestInterfaceStatus } from '../../api/guest-interface.ts'
import type { Reason } from '../../api/reasons.ts'
import type { ChangePlan, Step } from '../../core/change/plan.ts'
import {
  type Check,
  conditionsOf,
  type Findings,
  portTaken,
  type Stage,
  stages,
} from '../../core/interface-status.ts'
import type { Refusal } from '../../core/refusal.ts'
import type { Store } from '../../store/store.ts'

/** The facts of status that passes replace; what a pass doesn't come to know stands as it was. */
export type Facts = Omit<
  GuestInterfaceStatus,
  'conditions' | 'observedGeneration' | 'hostName' | 'nextHostName'
>

export class Report {
  readonly facts: Facts
  readonly #resource: GuestInterface
  readonly #hostName: string
  readonly #findings: Findings = { stages: {} }
  #refusals: readonly Refusal[] = []
  #unwritten = false

  constructor(resource: GuestInterface, hostName: string) {
    this.#resource = resource
    this.#hostName = hostName
    // Without the plan, which speaks of one pass and never stands for the next.
    const { guestUUID, guestState, mac, port, effective, sources, waitingSince } = resource.status ?? {}
    this.facts = { guestUUID, guestState, mac, port, effective, sources, waitingSince }
  }

  /** What was found could not be told: there is no use in telling that either. */
  get unwritten(): boolean {
    return this.#unwritten
  }

  reached(stage: Stage, reason: Reason, message: string): void {
    this.#findings.stages[stage] = { status: 'True', reason, message }
  }

  /** The interface has come no further than before this stage. */
  stopped(stage: Stage, reason: Reason, message: string, status: Check['status'] = 'False'): void {
    this.#findings.stages[stage] = { status, reason, message }
  }

  /** Stopped by what only a person can change; at least one. */
  refused(stage: Stage, refusals: readonly Refusal[]): void {
    this.#refusals = refusals
    this.stopped(stage, refusals[0]!.reason, refusals.map(({ message }) => message).join('\n'))
  }

  /** What stands in the way other than the plan itself. */
  get refusals(): readonly Refusal[] {
    return this.#refusals
  }

  /** The stage that a failure now belongs to: the first that was not reached. */
  stoppedHere(reason: Reason, message: string, status: Check['status']): void {
    const stage = stages.find((each) => !this.#findings.stages[each])
    this.stopped(stage ?? 'Synced', reason, message, status)
  }

  restartRequired(message: string): void {
    this.#findings.restartRequired = { status: 'True', reason: 'ChangedAtNextBoot', message }
  }

  planned({ verdict, steps, differences }: ChangePlan): void {
    this.facts.plan = { verdict, steps: steps.map(stepText), differences }
  }

  /** Writes status if it differs. */
  write(store: Store): Promise<void> {
    return this.#write(store, false, (...rest) => conditionsOf(this.#findings, ...rest))
  }

  /** Writes the port down before it is used: that survives a power cut. `name`: of the port, for people. */
  writePort(store: Store, name: string): Promise<void> {
    return this.#write(store, true, (...rest) => portTaken(name, ...rest))
  }

  async #write(
    store: Store,
    durable: boolean,
    conditionsNow: (generation: number, previous: Condition[], now: string) => Condition[],
  ): Promise<void> {
    const { metadata, status } = this.#resource
    const generation = metadata.generation ?? 0
    const conditions = conditionsNow(generation, status?.conditions ?? [], new Date().toISOString())
    const next: GuestInterfaceStatus = {
      ...this.facts,
      hostName: this.#hostName,
      ...(status?.nextHostName && { nextHostName: status.nextHostName }),
      observedGeneration: generation,
      conditions,
    }
    this.#unwritten = true
    await store.writeStatus(
      { kind: 'GuestInterface', namespace: metadata.namespace, name: metadata.name },
      next,
      durable,
      metadata.resourceVersion,
    )
    this.#unwritten = false
  }
}

/** A step for people: Update live: link.state */
export function stepText(step: Step): string {
  const what = `${step.action} ${step.target}`
  return 'fields' in step ? `${what}: ${step.fields.join(', ')}` : what
}
