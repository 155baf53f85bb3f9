/** Two controllers on a real API server: one leads, and never two. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { Cluster } from '../cluster/cluster.ts'
import { ClusterController } from '../cluster/controller.ts'
import { grantController } from './agent-rights.ts'
import { applyCrds } from './installation.ts'

let cluster: Cluster
const started: ClusterController[] = []
let nodes = 0

beforeAll(async () => {
  cluster = await Cluster.start()
  await applyCrds(cluster)
  await grantController(cluster)
})

afterEach(async () => {
  await Promise.all(started.splice(0).map((controller) => controller.kill9()))
})

afterAll(() => cluster?.stop())

/** By the rights that the deployment gives. */
async function startController(): Promise<ClusterController> {
  const access = await cluster.createHost('control', { serviceAccount: 'patchbay-controller' })
  const controller = new ClusterController(access)
  started.push(controller)
  await controller.start()
  return controller
}

/** The first leads, the second stands by. */
async function startBoth(): Promise<[ClusterController, ClusterController]> {
  const leader = await startController()
  await leader.says('"leads"')
  return [leader, await startController()]
}

/** A new Node has a Lease for its agent: somebody leads, and does its work. */
async function somebodyWorks(): Promise<void> {
  const name = `node${++nodes}`
  await cluster.admin.kubectlWith([{ apiVersion: 'v1', kind: 'Node', metadata: { name } }], 'create', '-f-')
  const leases = () => cluster.kubectl('get', 'lease', '-n', 'patchbay-agents', '-o', 'name')
  await expect.poll(leases, { timeout: 20_000 }).toContain(`/${name}`)
}

async function holder(): Promise<string> {
  const path = '{.spec.holderIdentity}'
  return cluster.kubectl(
    'get',
    'lease',
    'patchbay-controller',
    '-n',
    'patchbay-system',
    '-o',
    `jsonpath=${path}`,
  )
}

/** Who it is in the Lease. */
function identityOf({ log }: ClusterController): string {
  const line = log.find((each) => each.includes('controller runs'))
  return (JSON.parse(line!) as { identity: string }).identity
}

/** When it began and ceased to lead, in milliseconds since 1970; one clock for all processes of the machine. */
function terms({ log }: ClusterController): { from: number; to: number }[] {
  const times = (message: string) =>
    log.flatMap((line) => {
      const { msg, time } = JSON.parse(line) as { msg: string; time: string }
      return msg === message ? [Date.parse(time)] : []
    })
  const ends = times('leads no more')
  return times('leads').map((from, index) => ({ from, to: ends[index] ?? Number.POSITIVE_INFINITY }))
}

it('takes over within 15 s from one that is killed, and not before', async () => {
  const [leader, standby] = await startBoth()
  await somebodyWorks()
  expect(await holder()).toBe(identityOf(leader))
  expect(terms(standby)).toEqual([])
  const killed = Date.now()
  await leader.kill9()
  await standby.says('"leads"')
  expect(terms(standby)[0]!.from - killed).toBeLessThan(15_000)
  expect(await holder()).toBe(identityOf(standby))
  await somebodyWorks()
})

it('takes over from one that ends without waiting for its Lease to run out', async () => {
  const [leader, standby] = await startBoth()
  expect(await leader.stop()).toBe(0)
  expect(await holder()).not.toBe(identityOf(leader))
  await standby.says('"leads"')
  expect(terms(standby)[0]!.from).toBeGreaterThanOrEqual(terms(leader)[0]!.to)
  await somebodyWorks()
})

it('leads no more when it was stopped for so long that another one leads', async () => {
  const [leader, standby] = await startBoth()
  await somebodyWorks()
  leader.signal('SIGSTOP')
  await standby.says('"leads"')
  leader.signal('SIGCONT')
  await leader.says('leads no more')
  await somebodyWorks()
  expect(terms(leader)).toHaveLength(1)
  expect(await holder()).toBe(identityOf(standby))
})

it('leads no more when it cannot renew its Lease, and one of both leads when the API server is back', async () => {
  const [leader, standby] = await startBoth()
  await cluster.apiServer.kill9()
  await leader.says('leads no more')
  expect(terms(standby)).toEqual([])
  await cluster.apiServer.start()
  await somebodyWorks()
  const now = Date.now()
  const leading = [leader, standby].filter((each) =>
    terms(each).some(({ from, to }) => from <= now && now < to),
  )
  expect(leading.map(identityOf)).toEqual([await holder()])
  await leader.stop()
  await standby.stop()
  const [one, other] = [terms(leader), terms(standby)]
  for (const a of one) for (const b of other) expect(a.to <= b.from || b.to <= a.from).toBe(true)
})
