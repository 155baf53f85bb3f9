import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'patchbay-setup-'))
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

const debian12 = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'

/** What the check says of a machine with this os-release and commands that answer so; the rest is as it is here. */
async function check(osRelease: string, commands: Record<string, string>) {
  const file = path.join(directory, 'os-release')
  await writeFile(file, osRelease)
  for (const [name, script] of Object.entries(commands)) {
    await writeFile(path.join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }
  const result = await execa(
    'sh',
    ['-euc', '. setup/say.sh; . setup/machine.sh; require_lab_machine "$1"', 'sh', file],
    {
      env: { PATH: `${directory}:${process.env.PATH}` },
      reject: false,
    },
  )
  return { exitCode: result.exitCode, says: result.stderr }
}

const able = { id: 'echo 0', uname: 'echo x86_64', unshare: 'exit 0' }

test.each(['12', '13'])('Debian %s with root and namespaces is fit for the lab', async (version) => {
  expect(await check(debian12.replace('12', version), able)).toEqual({ exitCode: 0, says: '' })
})

test.each([
  [
    'another system',
    'ID=fedora\nVERSION_ID=42\nPRETTY_NAME="Fedora Linux 42"\n',
    {},
    /^setup: .*Debian 12 or 13.*Fedora Linux 42.*npm test -- unit/,
  ],
  ['an older Debian', debian12.replaceAll('12', '11'), {}, /^setup: .*Debian 12 or 13.*Debian GNU\/Linux 11/],
  ['a file that says nothing', '', {}, /^setup: .*an unknown system/],
  ['another processor', debian12, { uname: 'echo aarch64' }, /^setup: .*x86-64.*aarch64/],
  ['no root', debian12, { id: 'echo 1000' }, /^setup: .*needs root.*npm test -- unit/],
  [
    'no namespaces',
    debian12,
    { unshare: 'echo "unshare failed: Operation not permitted" >&2; exit 1' },
    /^setup: .*--privileged/,
  ],
] as const)('%s gets one sentence that says what to do', async (_, osRelease, commands, sentence) => {
  const { exitCode, says } = await check(osRelease, { ...able, ...commands })
  expect(exitCode).toBe(1)
  expect(says.split('\n')).toHaveLength(1)
  expect(says).toMatch(sentence)
})
