import { writeFileSync } from 'node:fs'
import { EXAMPLE_CAMPAIGN, EXAMPLE_COMPOSE, EXAMPLE_SLURM } from '../campaign/examples.js'
import { LlemError, messageOf } from '../core/errors.js'
import { say } from './screen.js'

/** Writes an example of a campaign, or of the compose file beside one; never over a file that is there. */
export function campaignInit(
  file: string | undefined,
  { docker = false, slurm = false }: { docker?: boolean; slurm?: boolean },
): void {
  const path = file ?? (docker ? 'compose.yaml' : 'campaign.yaml')
  try {
    writeFileSync(path, docker ? EXAMPLE_COMPOSE : slurm ? EXAMPLE_SLURM : EXAMPLE_CAMPAIGN, { flag: 'wx' })
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new LlemError(isThere ? `${path} is there already` : `cannot write ${path}: ${messageOf(cause)}`, {
      code: isThere ? 'FILE_EXISTS' : 'FILE_NOT_WRITTEN',
      hint: `Name another file: llem campaign init${docker ? ' --docker' : slurm ? ' --slurm' : ''} FILE`,
      kind: 'usage',
      cause,
    })
  }
  say(
    docker
      ? `Wrote ${path}. Delete the services that you do not need; a campaign beside it uses the others.`
      : `Wrote ${path}. Look at what it would run: llem campaign ${path}${slurm ? ' --executor slurm' : ''} --dry-run`,
  )
}
