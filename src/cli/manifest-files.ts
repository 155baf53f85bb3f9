/** The manifests that `-f PATH...` names: files, directories with every *.yaml, *.yml and *.json below them, and `-`. */
import fs from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import type { AnyResource } from '../api/kinds.ts'
import { formatProblem, readManifests } from '../api/read-manifest.ts'

export interface TextFile {
  /** As messages call it. */
  file: string
  text: string
}

/** What standard input is called in messages. */
const standardInput = '<stdin>'

export function addFilesOption(command: Command): Command {
  return command.requiredOption(
    '-f, --file <path...>',
    'manifests: files, directories, or - for standard input; may be repeated',
  )
}

/**
 * All objects of these files. A file that is named twice is read once. Throws an error of one line for each problem there is
 * (file, line, field, reason), or that says what cannot be read: half of the manifests would give wrong answers.
 */
export async function readFiles(paths: readonly string[]): Promise<AnyResource[]> {
  const files: TextFile[] = []
  const seen = new Set<string>()
  for (const file of paths.flatMap(filesAt)) {
    const id = file === '-' ? file : fs.realpathSync(file)
    if (seen.has(id)) continue
    seen.add(id)
    files.push(await readText(file))
  }
  const { objects, problems } = readManifests(files)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  return objects.map(({ object }) => object)
}

/** One file, or with `-` standard input, which can be read once. Throws an error that names the file. */
export async function readText(path: string): Promise<TextFile> {
  const file = path === '-' ? standardInput : path
  const bytes = path === '-' ? await buffer(process.stdin) : reading(path, () => fs.readFileSync(path))
  return { file, text: decode(bytes, file) }
}

function filesAt(path: string): string[] {
  if (path === '-' || !reading(path, () => fs.statSync(path)).isDirectory()) return [path]
  const files = manifestsBelow(path, [])
  if (files.length === 0) throw new Error(`${path}: holds no *.yaml, *.yml or *.json file`)
  return files
}

/** As the agent reads a directory: names that begin with a dot are left alone, symlinks followed, circles not. */
function manifestsBelow(directory: string, above: readonly string[]): string[] {
  const real = reading(directory, () => fs.realpathSync(directory))
  if (above.includes(real)) return []
  const names = reading(directory, () => fs.readdirSync(directory)).sort()
  return names.flatMap((name) => {
    const path = join(directory, name)
    if (name.startsWith('.')) return []
    if (reading(path, () => fs.statSync(path)).isDirectory()) return manifestsBelow(path, [...above, real])
    return /\.(ya?ml|json)$/.test(name) ? [path] : []
  })
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new Error(`${file}: is not UTF-8 text`, { cause })
  }
}

/** Node's own messages name the system call; the path comes first here, as in every other message. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file or directory' : `cannot be read: ${message}`
    throw new Error(`${path}: ${why}`, { cause })
  }
}
