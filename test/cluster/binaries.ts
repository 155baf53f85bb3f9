/** Where the binaries of the tests' cluster are; setup/cluster-binaries.sh puts them there. */
import { createHash } from 'node:crypto'
import { accessSync, constants, readFileSync } from 'node:fs'
import path from 'node:path'
import { cacheDirectory } from '../lab/cache.ts'

const ofControlPlane = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'] as const
const ofNodes = ['kube-scheduler', 'kubelet'] as const

export type Binary = (typeof ofControlPlane)[number]
export type NodeBinary = Binary | (typeof ofNodes)[number]

/** Path of each binary: of KUBEBUILDER_ASSETS where all are there, else those that were built. Throws when there are none. */
export function clusterBinaries(): Record<Binary, string> {
  return find(ofControlPlane)
}

/** With those of Nodes that run pods; all of one place, since a kubelet must not be newer than its API server. */
export function nodeBinaries(): Record<NodeBinary, string> {
  return find([...ofControlPlane, ...ofNodes])
}

function find<Name extends NodeBinary>(names: readonly Name[]): Record<Name, string> {
  const assets = process.env.KUBEBUILDER_ASSETS
  const built = path.join(cacheDirectory(), `cluster-${keyOfModules()}`)
  for (const directory of assets ? [assets, built] : [built]) {
    if (names.every((name) => isExecutable(path.join(directory, name)))) {
      return Object.fromEntries(names.map((name) => [name, path.join(directory, name)])) as Record<
        Name,
        string
      >
    }
  }
  throw new Error(`${built} has no binaries of a Kubernetes cluster: run \`sh setup/ensure.sh cluster\`.`)
}

/** The same key as in setup/cluster-binaries.sh. */
function keyOfModules(): string {
  const hash = createHash('sha256')
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(path.join(import.meta.dirname, file)))
  return hash.digest('hex').slice(0, 16)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
