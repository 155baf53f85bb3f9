import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { imageBaseKey } from '../../cluster/image.ts'

let directory: string
let cache: string

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'patchbay-setup-'))
  cache = path.join(directory, 'patchbay-lab')
})

afterEach(async () => {
  await rm(directory, { recursive: true })
})

/** Runs setup/image-base.sh; `instead`: its functions that load something, in sh. */
function sh(instead: string, script = 'ensure_image_base') {
  return execa(
    'sh',
    ['-euc', `. setup/say.sh; . setup/image-base.sh; update_package_lists() { :; }; ${instead}; ${script}`],
    { env: { XDG_CACHE_HOME: directory }, reject: false },
  )
}

const works =
  'debootstrap_base() { mkdir "$work/tree" && echo 12 >"$work/tree/version"; }; add_npm_to_base() { :; }'

test('makes a base once, where the tests look', async () => {
  const made = await sh(works)
  expect(made.stderr.split('\n').at(-1)).toBe('setup: the base is there.')
  const name = `image-base-${await imageBaseKey()}.tar`
  expect(await readdir(cache)).toEqual([name])
  const { stdout } = await execa('tar', ['-xOf', path.join(cache, name), './version'])
  expect(stdout).toBe('12')
  expect(await sh('debootstrap_base() { false; }')).toMatchObject({ exitCode: 0, stderr: '' })
})

test.each([
  ['debootstrap fails', 'debootstrap_base() { echo E: no such suite; false; }', 'E: no such suite'],
  ['npm fails', `${works}; add_npm_to_base() { echo npm error; false; }`, 'npm error'],
  ['it is told to stop', 'debootstrap_base() { kill -TERM $$; }', ''],
])('leaves nothing behind where %s, and says what was said', async (_, instead, said) => {
  await mkdir(cache)
  const { exitCode, stderr } = await sh(instead)
  expect(exitCode).not.toBe(0)
  expect(stderr).toContain(said)
  expect(await readdir(cache)).toEqual([])
})
