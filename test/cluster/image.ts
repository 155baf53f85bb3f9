/** The images that a Node of the tests runs: Patchbay's, built by its own Dockerfile, and one that keeps a pod's namespaces. */
import { createHash } from 'node:crypto'
import { access, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { execa } from 'execa'
import { cacheDirectory } from '../lab/cache.ts'

export interface Image {
  name: string
  /** An archive that containerd imports. */
  file: string
}

export interface Images {
  patchbay: Image
  pause: Image
}

const checkout = path.join(import.meta.dirname, '../..')

/**
 * Builds what has changed since it was built last: everything takes a minute and a half, the sources alone a third of it. `directory`: where
 * the archives go.
 */
export async function buildImages(directory: string): Promise<Images> {
  await removeOld()
  const base = await importBase()
  const [patchbay, pause] = [await buildPatchbay(base), await buildPause()]
  const images = []
  for (const name of [patchbay, pause]) {
    const file = path.join(directory, `${path.basename(name).replace(':', '-')}.tar`)
    await buildah('push', '--quiet', name, `docker-archive:${file}:${name}`)
    images.push({ name, file })
  }
  return { patchbay: images[0]!, pause: images[1]! }
}

async function buildPatchbay(base: string): Promise<string> {
  const name = 'localhost/patchbay:one'
  const work = await mkdtemp(path.join(tmpdir(), 'patchbay-image-'))
  try {
    const npmrc = path.join(work, 'npmrc')
    const { settings, mounts } = await npmAccess()
    await writeFile(npmrc, settings)
    const secret = ['--secret', `id=npmrc,src=${npmrc}`]
    const options = ['--layers', '--jobs=2', '--build-arg', `BASE=${base}`, ...secret, ...mounts]
    await buildah('bud', ...options, '--tag', name, checkout)
  } finally {
    await rm(work, { recursive: true })
  }
  return name
}

/** As npm is set up on this machine: its registry, and the authorities that it trusts. */
async function npmAccess(): Promise<{ settings: string; mounts: string[] }> {
  const { stdout: registry } = await execa('npm', ['config', 'get', 'registry'])
  const { stdout: authorities } = await execa('npm', ['config', 'get', 'cafile'])
  const ca = authorities === 'null' || authorities === '' ? process.env.NODE_EXTRA_CA_CERTS : authorities
  const inside = '/run/npm-authorities.pem'
  return {
    settings: `registry=${registry}\n${ca ? `cafile=${inside}\n` : ''}`,
    mounts: ca ? ['--volume', `${ca}:${inside}:ro`] : [],
  }
}

/** Debian's static busybox, which sleeps. */
async function buildPause(): Promise<string> {
  const name = 'localhost/patchbay-pause:1'
  const work = await mkdtemp(path.join(tmpdir(), 'patchbay-pause-'))
  try {
    await copyFile('/bin/busybox', path.join(work, 'busybox'))
    const lines = ['FROM scratch', 'COPY busybox /', 'ENTRYPOINT ["/busybox", "sleep", "999999999"]']
    await writeFile(path.join(work, 'Dockerfile'), `${lines.join('\n')}\n`)
    await buildah('bud', '--layers', '--tag', name, work)
  } finally {
    await rm(work, { recursive: true })
  }
  return name
}

/** What was built more than two weeks ago, or on something that old: disks fill up, and Debian's packages have moved on. */
async function removeOld(): Promise<void> {
  const old = await buildah('images', '--all', '--quiet', '--filter', 'until=336h')
  if (old !== '') await buildah('rmi', '--force', ...new Set(old.split('\n')))
}

/** What setup/image-base.sh made, as an image. */
async function importBase(): Promise<string> {
  const key = await imageBaseKey()
  const name = `localhost/patchbay-base:${key}`
  if ((await buildah('images', '--quiet', '--filter', `reference=${name}`)) !== '') return name
  const tree = path.join(cacheDirectory(), `image-base-${key}.tar`)
  await access(tree).catch(() => {
    throw new Error(`${tree} is not there: run \`sh setup/ensure.sh node\`.`)
  })
  const container = await buildah('from', 'scratch')
  await buildah('add', '--quiet', container, tree, '/')
  await buildah('commit', '--quiet', '--rm', container, name)
  return name
}

/** As image_base_key of setup/image-base.sh has it. */
export async function imageBaseKey(): Promise<string> {
  const [script, release, manifest] = await Promise.all(
    ['setup/image-base.sh', '/etc/debian_version', 'package.json'].map((file) =>
      readFile(path.resolve(checkout, file), 'utf8'),
    ),
  )
  const pinned = manifest!.split('\n').filter((line) => line.includes('"node-linux-'))
  const text = [script, release, ...pinned.map((line) => `${line}\n`)].join('')
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** `buildah ARGS` on images of the lab's own, giving what it prints; throws with all that it said. */
async function buildah(...args: string[]): Promise<string> {
  const places = [`--root=${path.join(cacheDirectory(), 'images')}`, '--runroot=/run/patchbay-lab-images']
  // chroot: needs no control groups and no network of its own.
  const { stdout } = await execa('buildah', [...places, ...args], { env: { BUILDAH_ISOLATION: 'chroot' } })
  return stdout
}
