// LLEM_TEST_CANARIES=1: secrets in the environment of all that the tests start, and at the end a search for them in every byte
// that was left in folders for temporary files and in what each llem has shown. `npm run canaries`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PLACE = 'LLEM_TEST_CANARY_PLACE'
const PLANTED = {
  AWS_SECRET_ACCESS_KEY: 'planted/Qz7+4w1hN0s8aXv2Lk5c9Rb3',
  DATABASE_PASSWORD: 'planted"&é-9f3c1a7e5b2d',
  REGISTRY_TOKEN: 'ghp_planted0Ab1Cd2Ef3Gh4Ij5Kl6',
} as const

/** To be called before anything is started; calls after the first change nothing. */
export function plant(): void {
  if (process.env.LLEM_TEST_CANARIES !== '1' || process.env[PLACE] !== undefined) return
  const place = mkdtempSync(join(tmpdir(), 'llem-canaries-'))
  Object.assign(process.env, PLANTED, { TMPDIR: place, [PLACE]: place })
}

/** Where what a process has shown is kept for the search; null where nothing is planted. */
export function plantedPlace(): string | null {
  return process.env[PLACE] ?? null
}

/** Fails where one of them was left. */
export default function setup(): () => Promise<void> {
  return async () => {
    const place = plantedPlace()
    if (place === null) return
    const { canariesBelow } = await import('../secrets/search.js')
    const found = canariesBelow(place, PLANTED)
    rmSync(place, { recursive: true, force: true })
    console.error(`canaries: ${found.length} found${found.map((each) => `\n  ${each}`).join('')}`)
    if (found.length > 0) process.exitCode = 1
  }
}
