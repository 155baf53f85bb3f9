/** Named checks that together say whether a process is alive, or ready. */

/** Why it fails, for people; undefined when it holds. Must be quick: a probe waits for it. */
export type Check = () => string | undefined

export interface Verdict {
  good: boolean
  /** A line for each check. */
  text: string
}

export class Checks {
  readonly #checks = new Map<string, Check>()

  /** Replaces the check of this name. */
  set(name: string, check: Check): void {
    this.#checks.set(name, check)
  }

  /** Asks all of them; the text is laid out as that of Kubernetes' own components. */
  ask(): Verdict {
    const answers = [...this.#checks].map(([name, check]) => ({ name, failure: check() }))
    const good = answers.every(({ failure }) => failure === undefined)
    const lines = answers.map(({ name, failure }) =>
      failure === undefined ? `[+]${name} ok` : `[-]${name} failed: ${failure}`,
    )
    return { good, text: `${[...lines, good ? 'ok' : 'failed'].join('\n')}\n` }
  }
}
