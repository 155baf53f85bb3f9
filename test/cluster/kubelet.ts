/** A kubelet on a lab host: its Node runs the pods that the cluster's scheduler puts there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { nodeBinaries } from './binaries.ts'
import type { Cluster } from './cluster.ts'
import type { Containerd } from './containerd.ts'

export interface KubeletOptions {
  cluster: Cluster
  containerd: Containerd
  /** Of the Node; the cluster was started for it. */
  name: string
  /** An address of the host, not of its loopback. */
  address: string
  /** Exists; the kubelet's files and the pods' logs go there. */
  directory: string
}

/** Ends with the lab host. Back when the process is there; the Node is Ready some seconds later. */
export async function startKubelet({
  cluster,
  containerd,
  name,
  address,
  directory,
}: KubeletOptions): Promise<void> {
  const at = (file: string) => path.join(directory, file)
  const config = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerRuntimeEndpoint: `unix://${containerd.socket}`,
    cgroupDriver: 'cgroupfs',
    failCgroupV1: false,
    failSwapOn: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    podLogsDir: at('pod-logs'),
    makeIPTablesUtilChains: false,
    // In a container without CAP_SYS_RESOURCE nobody may lower it.
    oomScoreAdj: 0,
    // The machine's disk and memory are others' too.
    evictionHard: { 'memory.available': '0%', 'nodefs.available': '0%', 'imagefs.available': '0%' },
    imageGCHighThresholdPercent: 100,
    // A test changes pods more often than a cluster does.
    syncFrequency: '5s',
    registryPullQPS: 0,
    eventRecordQPS: 0,
  }
  await writeFile(at('kubelet.yaml'), JSON.stringify(config))
  const log = openSync(at('kubelet.log'), 'a')
  const [nsenter, ...rest] = containerd.nsenterArgv
  const child = spawn(
    nsenter!,
    [
      ...rest,
      nodeBinaries().kubelet,
      `--config=${at('kubelet.yaml')}`,
      `--kubeconfig=${cluster.kubeletAccess(name).kubeconfig}`,
      `--root-dir=${at('kubelet')}`,
      `--cert-dir=${at('kubelet-certificates')}`,
      `--hostname-override=${name}`,
      `--node-ip=${address}`,
    ],
    // A session of its own: Ctrl-C reaches the test, which then ends the host in good order.
    {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    },
  )
  closeSync(log)
  await once(child, 'spawn')
  child.unref()
}
