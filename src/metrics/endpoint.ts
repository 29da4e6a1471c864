// Where Prometheus comes for the metrics: one page over HTTP.

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { LlemError, messageOf } from '../core/errors.js'
import type { Address } from './address.js'
import { CONTENT_TYPE } from './exposition.js'

/** Scrapes are one at a time; whoever opens more connections than this is no scraper. */
const MOST_CONNECTIONS = 64
const IDLE_MS = 5000

/** Serves `page` at /metrics. Throws LISTEN_FAILED. */
export async function serveMetrics(
  { host, port }: Address,
  page: () => string,
): Promise<{ url: string; close(): void }> {
  const server = createServer({ connectionsCheckingInterval: 1000 }, (request, response) => {
    const path = request.url?.split('?')[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD' }).end()
    } else if (path === '/metrics') {
      response.writeHead(200, { 'content-type': CONTENT_TYPE }).end(page())
    } else if (path === '/') {
      response.writeHead(200, { 'content-type': 'text/plain' }).end('llem: the metrics are at /metrics\n')
    } else {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('The metrics are at /metrics.\n')
    }
  })
  server.maxConnections = MOST_CONNECTIONS
  // Who opens connections and says nothing keeps no scraper out for long.
  server.headersTimeout = IDLE_MS
  server.requestTimeout = IDLE_MS
  await listening(server, { host, port })
  return {
    url: urlOf(server, host),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function listening(server: Server, { host, port }: Address): Promise<void> {
  try {
    server.listen({ host, port })
    await once(server, 'listening')
  } catch (error) {
    throw new LlemError(`llem cannot listen at ${host} port ${port}: ${messageOf(error)}.`, {
      code: 'LISTEN_FAILED',
      hint: 'Name another address, as in --listen 127.0.0.1:9912; port 0 takes any that is free.',
      kind: 'usage',
    })
  }
}

function urlOf(server: Server, host: string): string {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}/metrics`
}
