/**
 * Counts what an agent asks of libvirt without the agent's knowing: it connects to a socket of ours, which passes
 * everything on and reads the header of each frame. It costs a little of the time, so times are taken without it where
 * the difference would count.
 */
import { connect, createServer, type Server, type Socket } from 'node:net'
import { type Frame, FrameReader, frameType } from '../src/libvirt/rpc/frame.ts'
import { procedures, REMOTE_PROGRAM } from '../src/libvirt/rpc/procedures.ts'

export interface TappedCall {
  name: string
  writes: boolean
  /** ms of performance.now() */
  at: number
}

const byNumber = new Map(Object.values(procedures).map((each) => [each.number, each]))

export class Wiretap {
  readonly calls: TappedCall[] = []
  readonly #server: Server
  readonly #open = new Set<Socket>()

  /** Listens at `path`, which is in the way of nothing, and passes on to `libvirt`. */
  static async start(path: string, libvirt: string): Promise<Wiretap> {
    const tap = new Wiretap(libvirt)
    await new Promise<void>((resolve, reject) => {
      tap.#server.once('error', reject).listen(path, resolve)
    })
    return tap
  }

  private constructor(libvirt: string) {
    this.#server = createServer((agent) => {
      const daemon = connect(libvirt)
      const reader = new FrameReader((frame) => this.#note(frame))
      agent.on('data', (chunk) => reader.push(chunk))
      for (const socket of [agent, daemon]) {
        this.#open.add(socket)
        // The end of one side is the end of the other; the agent tells what it makes of it.
        socket.on('error', () => {})
        socket.on('close', () => {
          agent.destroy()
          daemon.destroy()
          this.#open.delete(socket)
        })
      }
      agent.pipe(daemon)
      daemon.pipe(agent)
    })
  }

  /** ms of performance.now() of the last call. */
  get lastAt(): number {
    return this.calls.at(-1)?.at ?? 0
  }

  /** Calls by name since `from`, most frequent first. */
  counts(from = 0): Map<string, number> {
    const counts = new Map<string, number>()
    for (const { name } of this.calls.slice(from)) counts.set(name, (counts.get(name) ?? 0) + 1)
    return new Map([...counts].sort(([, a], [, b]) => b - a))
  }

  stop(): void {
    this.#server.close()
    for (const socket of this.#open) socket.destroy()
  }

  #note({ program, type, procedure }: Frame): void {
    if (program !== REMOTE_PROGRAM || type !== frameType.call) return
    const known = byNumber.get(procedure)
    this.calls.push({
      name: known?.name ?? `procedure ${procedure}`,
      writes: known?.writes ?? true,
      at: performance.now(),
    })
  }
}
