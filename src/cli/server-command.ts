import type { z } from 'zod'
import type { FoundServer } from '../backends/server/find-servers.js'
import { type NamedServer, namedGroups } from '../backends/server/named/options.js'
import { shellWord } from './shell-word.js'

/** What to type to measure a server: its name, and its address where that goes not without saying. */
export function serverCommand(
  { url, backend, models }: Pick<FoundServer, 'url' | 'backend' | 'models'>,
  rest = '',
): string {
  const model = models?.[0] ?? 'MODEL'
  const isUsual = usualUrlOf(backend) === url
  return `llem run -m ${shellWord(model)} -b ${backend}${isUsual ? '' : ` --set ${backend}.base_url=${url}`}${rest}`
}

/** The address that a backend takes where none is said; null where it starts a server of its own. */
function usualUrlOf(backend: string): string | null {
  const group = namedGroups[backend as NamedServer] as z.ZodType<{ base_url: string | null }> | undefined
  return group?.parse({}).base_url ?? null
}
