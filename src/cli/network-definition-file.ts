/** A network as one FILE has it: libvirt's XML, or the manifests of one Network and its PortGroups, told apart by content. */
import type { AnyResource } from '../api/kinds.ts'
import { formatProblem, readManifest } from '../api/read-manifest.ts'
import { contradictions } from '../core/import/network.ts'
import { definitionOf, type NetworkDefinition } from '../core/network/definition.ts'
import { networkNameOf } from '../core/resolve/applicable.ts'
import { inexpressible } from '../libvirt/xml/network/inexpressible.ts'
import { parseNetwork } from '../libvirt/xml/network/network.ts'
import type { TextFile } from './manifest-files.ts'

/** No manifest begins so: YAML takes no `<` for anything but text. */
function isXml({ text }: TextFile): boolean {
  return /^\s*</.test(text)
}

/** Throws an error of one line for each thing that keeps it from being one network, whole. */
export function networkDefinitionIn(source: TextFile): NetworkDefinition {
  return isXml(source) ? fromXml(source) : fromManifests(source)
}

function fromXml({ file, text }: TextFile): NetworkDefinition {
  const definition = inFile(file, () => parseNetwork(text))
  const unsaid = inexpressible(text).map(
    (path) => `${path}: cannot be compared: no manifest has a field for it, or for its value`,
  )
  refuseAll(file, [...unsaid, ...contradictions(definition.portGroups)])
  return definition
}

function fromManifests({ file, text }: TextFile): NetworkDefinition {
  const { objects, problems } = readManifest(text, file)
  if (problems.length > 0) throw new Error(problems.map(formatProblem).join('\n'))
  const resources = objects.map(({ object }) => object)
  const [network, ...others] = resources.filter((object) => object.kind === 'Network')
  if (network === undefined) throw new Error(`${file}: holds no Network${beside(resources)}`)
  if (others.length > 0) {
    const names = [network, ...others].map(({ metadata }) => metadata.name).join(', ')
    throw new Error(
      `${file}: holds more than one Network: ${names}. Give a file with one of them and its PortGroups`,
    )
  }
  const name = networkNameOf(network)
  const portGroups = resources.filter((object) => object.kind === 'PortGroup')
  const strangers = portGroups
    .filter(({ spec }) => spec.networkName !== name)
    .map(
      ({ metadata, spec }) =>
        `PortGroup ${metadata.name}: spec.networkName: is ${spec.networkName}, the Network of this file is ${name}`,
    )
  const definition = definitionOf(network, portGroups)
  refuseAll(file, [...strangers, ...contradictions(definition.portGroups)])
  return definition
}

/** Interfaces and grants may stand in the same file; alone they are no network. */
function beside(resources: readonly AnyResource[]): string {
  const kinds = [...new Set(resources.map(({ kind }) => kind))]
  return kinds.length > 0 ? `, only ${kinds.join(', ')}` : ': neither libvirt XML nor manifests'
}

function refuseAll(file: string, reasons: readonly string[]): void {
  if (reasons.length > 0) throw new Error(reasons.map((reason) => `${file}: ${reason}`).join('\n'))
}

function inFile<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new Error(`${file}: ${(cause as Error).message}`, { cause })
  }
}
