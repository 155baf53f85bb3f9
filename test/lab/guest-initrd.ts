/**
 * What a booted guest boots: Debian's cloud kernel, which `sh setup/ensure.sh lab` unpacks into the lab's cache
 * directory, and an initramfs of busybox, the kernel's virtio modules, guest-init and guest-dhcp.
 */
import { createHash } from 'node:crypto'
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { execa } from 'execa'
import { cacheDirectory } from './cache.ts'

const busybox = '/bin/busybox'
const modules =
  /^(virtio|virtio_ring|virtio_pci|virtio_pci_(modern|legacy)_dev|failover|net_failover|virtio_net)\.ko(\.xz)?$/

/** Paths of kernel and initramfs, which is made when there is none of this kernel, busybox and these scripts yet. */
export async function guestKernel(): Promise<{ kernel: string; initrd: string }> {
  const tree = path.join(cacheDirectory(), 'guest-kernel')
  const files = await readdir(tree, { recursive: true }).catch(() => [])
  const kernel = files.find((file) => path.basename(file).startsWith('vmlinuz-'))
  if (!kernel) {
    throw new Error(
      `There is no kernel for the lab's guests in ${tree}: run \`sh setup/ensure.sh lab\` first.`,
    )
  }
  const scripts = {
    init: path.join(import.meta.dirname, 'guest-init'),
    'guest-dhcp': path.join(import.meta.dirname, 'guest-dhcp'),
  }
  const made = createHash('sha256').update(kernel)
  for (const part of [busybox, ...Object.values(scripts)]) made.update(await readFile(part))
  const initrd = path.join(cacheDirectory(), `guest-${made.digest('hex').slice(0, 16)}.cpio`)
  const there = await access(initrd).then(
    () => true,
    () => false,
  )
  if (!there) {
    const wanted = files
      .filter((file) => modules.test(path.basename(file)))
      .map((file) => path.join(tree, file))
    await makeInitrd(initrd, scripts, wanted)
  }
  return { kernel: path.join(tree, kernel), initrd }
}

/** Made beside its place and renamed, since several test processes may find it missing at once. */
async function makeInitrd(
  initrd: string,
  scripts: Readonly<Record<string, string>>,
  wanted: readonly string[],
): Promise<void> {
  const work = await mkdtemp(`${initrd}-`)
  try {
    const root = path.join(work, 'root')
    for (const directory of ['bin', 'modules']) await mkdir(path.join(root, directory), { recursive: true })
    await copyFile(busybox, path.join(root, 'bin/busybox'))
    for (const [name, script] of Object.entries(scripts)) {
      await copyFile(script, path.join(root, name))
      await chmod(path.join(root, name), 0o755)
    }
    for (const file of wanted) await copyFile(file, path.join(root, 'modules', path.basename(file)))
    // Debian 13 packs its modules; busybox's insmod takes them unpacked only.
    await execa({ cwd: root, shell: true })`
      for packed in modules/*.xz; do [ ! -e "$packed" ] || ${busybox} unxz "$packed"; done &&
      find . | ${busybox} cpio -o -H newc > ../initrd`
    await rename(path.join(work, 'initrd'), initrd)
  } finally {
    await rm(work, { recursive: true })
  }
}
