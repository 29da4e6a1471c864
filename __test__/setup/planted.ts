// LLEM_TEST_CANARIES=1: secrets in the environment of all that the tests start, and at the end a search for them in every byte
// that was left in folders for temporary files and in what each llem has shown. `npm run canaries`.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PLACE = 'LLEM_TEST_CANARY_PLACE'
/** Never text of this file: whatever runs the tests may keep a copy of that. */
const SECRETS: Readonly<Record<string, () => string>> = {
  AWS_SECRET_ACCESS_KEY: () => `${randomHex()}/+${randomHex()}`,
  DATABASE_PASSWORD: () => `${randomHex()}"&é-${randomHex()}`,
  REGISTRY_TOKEN: () => `ghp_${randomHex()}${randomHex()}`,
}
const randomHex = () => randomBytes(8).toString('hex')

/** To be called before anything is started; calls after the first change nothing. */
export function plant(): void {
  if (process.env.LLEM_TEST_CANARIES !== '1' || process.env[PLACE] !== undefined) return
  const place = mkdtempSync(join(tmpdir(), 'llem-canaries-'))
  for (const [name, secret] of Object.entries(SECRETS)) process.env[name] = secret()
  Object.assign(process.env, { TMPDIR: place, [PLACE]: place })
}

/** Where what a process has shown is kept for the search; null where nothing is planted. */
export function plantedPlace(): string | null {
  return process.env[PLACE] ?? null
}

/** A search that fails has found nothing out, which vitest would pass over. */
function search(below: () => string[]): string[] {
  try {
    return below()
  } catch (error) {
    return [`the search failed: ${error}`]
  }
}

/** Fails where one of them was left. */
export default function setup(): () => Promise<void> {
  return async () => {
    const place = plantedPlace()
    // Each project of vitest has this once, and the first of them has looked.
    if (place === null || !existsSync(place)) return
    const { canariesBelow } = await import('../secrets/search.js')
    const planted = Object.keys(SECRETS).map((name) => [name, String(process.env[name])])
    const found = search(() => canariesBelow(place, Object.fromEntries(planted)))
    rmSync(place, { recursive: true, force: true })
    console.error(`canaries: ${found.length} found${found.map((each) => `\n  ${each}`).join('')}`)
    if (found.length > 0) process.exitCode = 1
  }
}
