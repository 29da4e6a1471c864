import { type FoundServer, findServers, USUAL_PORTS, usualUrls } from '../backends/server/find-servers.js'
import { print, printJson, say } from './screen.js'
import { serverCommand } from './server-command.js'
import { columns } from './tables.js'

/** Lists the inference servers that answer, at the usual ports of this machine or where they are said to be. */
export async function servers(urls: readonly string[], { json = false }: { json?: boolean }): Promise<void> {
  const found = await findServers(urls.length === 0 ? usualUrls() : urls)
  if (json) return void printJson(found)
  if (found.length === 0) {
    const places = urls.length === 0 ? USUAL_PORTS.map(([port, programs]) => `${port} (${programs})`) : urls
    say(
      `No inference server answers at ${places.join(', ')}. Name another one: llem servers http://HOST:PORT`,
    )
    return
  }
  const rows = found.map(({ url, engine, engine_version, backend, models, reason }) => [
    url,
    [engine ?? 'unknown', engine_version ?? ''].join(' ').trim(),
    `-b ${backend}`,
    models === null ? (reason ?? '-') : named(models),
  ])
  print(columns(['server', 'engine', 'backend', 'models'], rows, []))
  say(`Measure one: ${commandFor(found)}`)
}

/** So many names stand in a cell of the table; --json has all. */
const SHOWN = 3

function named(models: readonly string[]): string {
  const rest = models.length - SHOWN
  return models.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

function commandFor(found: readonly FoundServer[]): string {
  const server = found.find(({ models }) => models?.[0] !== undefined) ?? found[0]
  return server === undefined ? '' : serverCommand(server)
}
