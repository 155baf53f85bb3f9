/** Asks what a process on a lab host serves at its `--listen`. */

import { type Family, readExposition } from './exposition.ts'
import type { LabHost } from './host.ts'

const ask = `
const [url] = process.argv.slice(1)
const answer = await fetch(url).catch((error) => ({ status: 0, text: () => String(error.cause ?? error), headers: new Headers() }))
console.log(JSON.stringify({ status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() }))
`

export interface Answer {
  /** Of HTTP; 0 where nobody answered. */
  status: number
  type: string | null
  text: string
}

/** `path` such as /healthz; `at`: ADDRESS:PORT. */
export async function askOperations(host: LabHost, at: string, path: string): Promise<Answer> {
  const { stdout } = await host.exec(process.execPath, [
    '--input-type=module',
    '-e',
    ask,
    `http://${at}${path}`,
  ])
  return JSON.parse(String(stdout))
}

export async function metricsOf(host: LabHost, at: string): Promise<Map<string, Family>> {
  return readExposition((await askOperations(host, at, '/metrics')).text)
}
