// The load process's side of a measurement over several nodes: it starts the meters, listens to them, exchanges clocks before,
// during and after the window, and ends them.

import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { chmod, rename, rm, stat } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../core/errors.js'
import { bootId, nodeName } from '../core/node-name.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'
import { nodeId, type Session, type WindowFile } from './files.js'
import { NodeLink } from './link.js'
import { type NodesPlan, Starters } from './starters.js'
import { type Asked, type Said, saidSchema, Wire } from './wire.js'

export interface NodesOptions {
  plan: NodesPlan
  /** Where the folder that all nodes share is made; the run's own folder gets it in the end. */
  outputDir: string
  sampling: Pick<Session, 'interval_ms' | 'slow_interval_ms' | 'tick_locked' | 'simulated'>
  tell(text: string): void
  log(line: string): void
  signal: AbortSignal | undefined
}

/** Between two looks at all clocks while the load runs: so often the loss of a meter is seen too. */
const EXCHANGE_EVERY_MS = 5000
/** At the edges of a window a burst is long, so that one message of it is quick. */
const EDGE_BURST = 16
const BURST = 4
/** For the last readings, a slow disk, and what the file system takes until a file is seen here. */
const END_MS = 30_000
const POLL_MS = 20
/** What starts a meter ends with it. */
const STARTER_MS = 3000
/** Whoever typed Ctrl-C waits too; the last readings of a board that tells means alone take 1.2 s. */
const HURRIED_MS = 1500
const HURRIED_STARTER_MS = 700

export class NodeMeters {
  /** The folder that all nodes share. */
  #dir: string
  readonly #options: NodesOptions
  readonly #session = randomBytes(16).toString('hex')
  readonly #links = new Map<string, NodeLink>()
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #refusals: string[] = []
  readonly #late = new Set<string>()
  #starters: Starters | null = null
  #hasBegun = false
  #isMoved = false
  #looking: NodeJS.Timeout | undefined
  #isOver = false
  /** One burst after the other: each connection has one question at a time. */
  #exchanging: Promise<void> = Promise.resolve()

  private constructor(options: NodesOptions) {
    this.#options = options
    this.#dir = join(options.outputDir, `.nodes-${this.#session.slice(0, 10)}`)
    this.#server = createServer((socket) => this.#onConnection(socket))
  }

  /** Starts the meters and waits until all of them measure. Throws NODES_NOT_READY, and what cannot be written. */
  static async open(options: NodesOptions): Promise<NodeMeters> {
    const meters = new NodeMeters(options)
    try {
      await meters.#start()
      return meters
    } catch (error) {
      await meters.close()
      throw error
    }
  }

  /** The clocks before the window. No meter is taken in afterwards. */
  async begin(): Promise<void> {
    this.#hasBegun = true
    await this.#exchange(EDGE_BURST)
    this.#lookAgain()
  }

  /**
   * The clocks after the window, and the end of all meters, whose files are in `runDir` then. Always resolves: what goes wrong
   * is in the files.
   */
  async end(
    runDir: string,
    window: Omit<WindowFile, 'clock' | 'nodes' | 'late' | 'roles' | OfPlan>,
  ): Promise<string> {
    this.#stopLooking()
    if (!this.#isAborted) await this.#exchange(EDGE_BURST)
    const { count, gpusPerNode, roles } = this.#options.plan
    const links = [...this.#links.values()]
    await Promise.all(links.map((link) => link.end(this.#patienceMs)))
    const file: WindowFile = {
      clock: { id: 'CLOCK_MONOTONIC', node: nodeName(), boot_id: bootId() },
      ...window,
      ...{ expected_nodes: count, gpus_per_node: gpusPerNode, roles },
      late: [...this.#late],
      nodes: links.map(({ id, node, bootId: boot_id, lost }) => ({ id, node, boot_id, lost })),
    }
    await writeJsonAtomically(join(this.#dir, 'window.json'), file)
    await this.#open(runDir)
    return await this.#moveTo(runDir)
  }

  /** Ends what was started, and removes the folder where no run has it. Always resolves. */
  async close(): Promise<void> {
    this.#stopLooking()
    await Promise.all([...this.#links.values()].map((link) => link.end(this.#patienceMs)))
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await this.#starters?.end(this.#isAborted ? HURRIED_STARTER_MS : STARTER_MS)
    if (!this.#isMoved) await rm(this.#dir, { recursive: true, force: true }).catch(() => undefined)
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted === true
  }

  /** How long a meter may take to end; one that has measured nothing yet has no files to write. */
  get #patienceMs(): number {
    return this.#isAborted || !this.#hasBegun ? HURRIED_MS : END_MS
  }

  async #start(): Promise<void> {
    const { plan, sampling, log } = this.#options
    makeFolder(this.#options.outputDir)
    mkdirSync(this.#dir, { mode: 0o700 })
    const port = await this.#listen()
    const session: Session = { session: this.#session, addresses: ownAddresses(), port, ...sampling }
    await writeJsonAtomically(join(this.#dir, 'session.json'), session)
    this.#starters = new Starters(plan, this.#dir, log)
    await this.#allReady()
  }

  #listen(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(0, () => {
        const address = this.#server.address()
        if (address === null || typeof address === 'string') reject(new Error('no port'))
        else resolve(address.port)
      })
    })
  }

  async #allReady(): Promise<void> {
    const { plan, signal } = this.#options
    const giveUp = performance.now() + plan.startTimeoutS * 1000
    const ready = () => [...this.#links.values()].filter((link) => link.isReady)
    while (ready().length < plan.count) {
      signal?.throwIfAborted()
      const lost = [...this.#links.values()].find((link) => link.lost !== null)
      const why =
        lost !== undefined
          ? `${lost.node}: ${lost.lost}`
          : (this.#starters?.over ??
            (performance.now() > giveUp
              ? [`not within ${plan.startTimeoutS} s`, this.#starters?.ended].filter(Boolean).join('; ')
              : null))
      if (why !== null) throw this.#notReady(why)
      await sleep(POLL_MS)
    }
  }

  #notReady(why: string): LlemError {
    const { count } = this.#options.plan
    const there = [...this.#links.values()].filter(({ lost }) => lost === null)
    const ready = there.filter(({ isReady }) => isReady)
    const names = there.map(({ node, isReady }) => (isReady ? node : `${node} has one that was about to`))
    const which = names.length === 0 ? '' : ` (${names.join(', ')})`
    const words = [...this.#refusals, this.#starters?.lastWords].filter((each) => each != null && each !== '')
    const said = words.length === 0 ? 'They wrote nothing.' : `Their last words: ${words.join(' | ')}`
    return new LlemError(`${ready.length} of ${count} nodes have a meter that measures${which}: ${why}`, {
      code: 'NODES_NOT_READY',
      hint: `${said} Nothing was measured; look at energy.nodes (start, count).`,
    })
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    let link: NodeLink | null = null
    const wire: Wire<Said, Asked> = new Wire<Said, Asked>(socket, saidSchema, (message, receivedNs) => {
      if (link !== null) return link.hear(message, receivedNs)
      const refusal = this.#whyRefused(message)
      if ('hello' in message && refusal === null) {
        const { node, boot_id } = message.hello
        link = new NodeLink(wire, node, boot_id)
        this.#links.set(link.id, link)
        wire.say({ welcome: true })
        return
      }
      if (refusal !== null) this.#refusals.push(refusal)
      wire.say({ refused: refusal ?? 'it did not introduce itself' })
      wire.end()
    })
  }

  #whyRefused(message: Said): string | null {
    if (!('hello' in message) || message.hello.session !== this.#session) return 'this is another experiment'
    const { node, boot_id } = message.hello
    if (this.#links.has(nodeId(node, boot_id))) return `${node} has a meter already`
    if (!this.#hasBegun) return null
    this.#late.add(node)
    return `${node} came after the measurement had begun`
  }

  #exchange(size: number): Promise<void> {
    this.#exchanging = this.#exchanging.then(() => this.#exchangeNow(size))
    return this.#exchanging
  }

  async #exchangeNow(size: number): Promise<void> {
    await Promise.all(
      [...this.#links.values()].map(async (link) => {
        const exchange = await link.exchange(size)
        if (exchange === null) return
        try {
          appendFileSync(join(this.#dir, `clock-${link.id}.jsonl`), `${JSON.stringify(exchange)}\n`)
        } catch (error) {
          this.#options.tell(
            `The clock of ${link.node} could not be written down (non-fatal): ${messageOf(error)}`,
          )
        }
      }),
    )
  }

  #lookAgain(): void {
    this.#looking = setTimeout(async () => {
      await this.#exchange(BURST)
      if (!this.#isOver) this.#lookAgain()
    }, EXCHANGE_EVERY_MS)
  }

  #stopLooking(): void {
    this.#isOver = true
    clearTimeout(this.#looking)
  }

  /** Nobody may speak any more, so that who may read the result may read this folder too. */
  async #open(runDir: string): Promise<void> {
    try {
      await rm(join(this.#dir, 'session.json'), { force: true })
      await chmod(this.#dir, (await stat(runDir)).mode & 0o777)
    } catch (error) {
      this.#options.tell(`${this.#dir} stays readable by its owner alone (non-fatal): ${messageOf(error)}`)
    }
  }

  /** To be found beside the result; where it cannot be moved it stays where it is. */
  async #moveTo(runDir: string): Promise<string> {
    const place = join(runDir, 'nodes')
    try {
      await rename(this.#dir, place)
      this.#dir = place
    } catch (error) {
      this.#options.tell(`${this.#dir} could not be moved to ${place} (non-fatal): ${messageOf(error)}`)
    }
    this.#isMoved = true
    return this.#dir
  }
}

type OfPlan = 'expected_nodes' | 'gpus_per_node'

/** Where this machine can be reached: by its name first, by itself last. */
function ownAddresses(): string[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((each = []) => each)
  const outside = interfaces.filter(({ internal, scopeid }) => !internal && !scopeid)
  const addresses = outside.map(({ address }) => address)
  return [...new Set([hostname(), ...addresses, '127.0.0.1'])]
}
