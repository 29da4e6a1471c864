// A stand-in for the Hugging Face hub, which the machines that run these tests cannot reach. Its paths, headers and errors are
// those of the hub's API (https://huggingface.co/docs/hub/api), and of what huggingface_hub 2.4 reads of them
// (file_download.py): a revision with its commit, a tree with the SHA-256 of large files, and `resolve`, which tells
// X-Repo-Commit, X-Linked-Etag and X-Linked-Size and leads to a host that has ranges.

import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export interface FakeRepository {
  /** Path -> content. */
  files: Record<string, Buffer>
  commit: string
  /** Small files have no SHA-256 at the hub, only a git id. */
  small?: string[]
  /** Only with this token, which is told as for a gated repository. */
  token?: string
  branches?: string[]
  /** Whether anybody may list what is gated, as of most models. */
  isListed?: boolean
}

export interface Asked {
  host: 'hub' | 'cdn'
  path: string
  /** Of a tree. */
  page: number
  range: string | undefined
  authorization: string | undefined
}

export interface FakeHub {
  /** HF_ENDPOINT. */
  address: string
  asked: Asked[]
  repositories: Record<string, FakeRepository>
  /** Called before each answer; true where it has answered itself. */
  intercept: (asked: Asked, response: ServerResponse) => boolean | Promise<boolean>
  /** Called before content is sent; what it gives back is sent in its place. */
  content: (path: string, content: Buffer) => Buffer
  /** Whether the host of the content knows ranges. */
  hasRanges: boolean
  /** Cut the connection after so many bytes of each answer with content; null never. */
  cutAfter: number | null
  /** Every connection breaks. */
  breakAll(): void
  close(): Promise<void>
}

const PAGE = 4
export const COMMIT = 'a'.repeat(40)

export const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex')
export const gitId = (content: Buffer) =>
  createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')

export async function startHub(repositories: Record<string, FakeRepository>): Promise<FakeHub> {
  const hub = createServer((request, response) => void answer('hub', request, response))
  const cdn = createServer((request, response) => void answer('cdn', request, response))
  const [hubPort, cdnPort] = await Promise.all([hub, cdn].map(listen))
  const fake: FakeHub = {
    address: `http://127.0.0.1:${hubPort}`,
    asked: [],
    repositories,
    intercept: () => false,
    content: (_, content) => content,
    hasRanges: true,
    cutAfter: null,
    breakAll: () => {
      for (const server of [hub, cdn]) server.closeAllConnections()
    },
    close: async () => {
      await Promise.all([hub, cdn].map(end))
    },
  }
  async function answer(host: Asked['host'], request: IncomingMessage, response: ServerResponse) {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://x')
    const path = decodeURIComponent(pathname)
    const { range, authorization } = request.headers
    const asked = { host, path, page: Number(searchParams.get('page') ?? 0), range, authorization }
    fake.asked.push(asked)
    if (await fake.intercept(asked, response)) return
    if (host === 'cdn') return sendContent(fake, path, range, response)
    // The name of the other host is another one, so that a token must not follow.
    return answerHub(fake, asked, `http://localhost:${cdnPort}`, response)
  }
  return fake
}

function answerHub(
  { repositories, address }: FakeHub,
  { path, page, authorization }: Asked,
  cdn: string,
  response: ServerResponse,
): void {
  const [, name, what, rest = ''] =
    /^\/(?:api\/models\/)?([\w.-]+\/[\w.-]+)\/(revision|tree|resolve)\/(.*)$/.exec(path) ?? []
  const repository = repositories[name ?? '']
  if (repository === undefined || name === undefined)
    return void error(response, 401, 'RepoNotFound', 'Invalid username or password.')
  const { token, commit, files, small = [], branches = ['main'], isListed = false } = repository
  const isOpen = token === undefined || (isListed && what !== 'resolve')
  if (!isOpen && authorization !== `Bearer ${token}`)
    return void error(response, 401, 'GatedRepo', 'Access to this model is restricted. Please log in.')
  const [revision = '', ...steps] = rest.split('/')
  if (revision !== commit && !branches.includes(revision))
    return void error(response, 404, 'RevisionNotFound', `Invalid rev id: ${revision}`)
  if (what === 'revision')
    return void json(response, { _id: '1', id: name, sha: commit, gated: token !== undefined })
  if (what === 'tree') {
    const entries = Object.entries(files).map(([file, content]) => ({
      ...{ type: 'file', path: file, size: content.length, oid: gitId(content) },
      ...(small.includes(file)
        ? {}
        : { lfs: { oid: sha256(content), size: content.length, pointerSize: 134 } }),
    }))
    // So few to a page, where the hub has a thousand.
    const from = page * PAGE
    if (from + PAGE < entries.length)
      response.setHeader('link', `<${address}${path}?recursive=true&page=${page + 1}>; rel="next"`)
    return void json(response, entries.slice(from, from + PAGE))
  }
  const file = steps.join('/')
  const content = files[file]
  if (content === undefined) return void error(response, 404, 'EntryNotFound', 'Entry not found')
  const isSmall = small.includes(file)
  response.setHeader('x-repo-commit', commit)
  response.setHeader('accept-ranges', 'bytes')
  if (isSmall) {
    response.setHeader('etag', `"${gitId(content)}"`)
    return void response.end(content)
  }
  response.setHeader('x-linked-etag', `"${sha256(content)}"`)
  response.setHeader('x-linked-size', String(content.length))
  response.setHeader('location', `${cdn}/${name}/${file}`)
  response.statusCode = 302
  response.end('Found.')
}

function sendContent(fake: FakeHub, path: string, range: string | undefined, response: ServerResponse): void {
  const [, name = '', file = ''] = /^\/([\w.-]+\/[\w.-]+)\/(.*)$/.exec(path) ?? []
  const stored = fake.repositories[name]?.files[file]
  if (stored === undefined) return void error(response, 404, 'NoSuchKey', 'not there')
  const whole = fake.content(file, stored)
  const from = fake.hasRanges && range !== undefined ? Number(/^bytes=(\d+)-/.exec(range)?.[1]) : 0
  if (from > 0) {
    if (from >= whole.length) return void response.writeHead(416).end()
    response.statusCode = 206
    response.setHeader('content-range', `bytes ${from}-${whole.length - 1}/${whole.length}`)
  }
  const content = whole.subarray(from)
  response.setHeader('content-length', String(content.length))
  if (fake.cutAfter === null || content.length <= fake.cutAfter) return void response.end(content)
  // What is written first is sent before the connection is cut.
  response.write(content.subarray(0, fake.cutAfter), () => setTimeout(() => response.destroy(), 20))
}

export function json(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(body))
}

function error(response: ServerResponse, status: number, code: string, message: string): void {
  response.statusCode = status
  response.setHeader('x-error-code', code)
  json(response, { error: message })
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

function end(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.closeAllConnections()
    server.close(() => resolve())
  })
}

/** From now on this process knows this hub alone, a cache of its own, and no token. */
export function askOnly(hub: FakeHub, home: string): void {
  process.env.HF_HOME = home
  process.env.XDG_CACHE_HOME = join(home, 'cache')
  process.env.HF_ENDPOINT = hub.address
  for (const name of ['HF_TOKEN', 'HF_HUB_OFFLINE', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'])
    delete process.env[name]
}
