import { EXAMPLE_CAMPAIGN, EXAMPLE_COMPOSE, EXAMPLE_SLURM } from '../campaign/examples.js'
import { writeNewFile } from './new-file.js'
import { say } from './screen.js'

/** Writes an example of a campaign, or of the compose file beside one; never over a file that is there. */
export function campaignInit(
  file: string | undefined,
  { docker = false, slurm = false }: { docker?: boolean; slurm?: boolean },
): void {
  const path = file ?? (docker ? 'compose.yaml' : 'campaign.yaml')
  writeNewFile(path, docker ? EXAMPLE_COMPOSE : slurm ? EXAMPLE_SLURM : EXAMPLE_CAMPAIGN, {
    hint: `Name another file: llem campaign init${docker ? ' --docker' : slurm ? ' --slurm' : ''} FILE`,
  })
  say(
    docker
      ? `Wrote ${path}. Delete the services that you do not need; a campaign beside it uses the others.`
      : `Wrote ${path}. Look at what it would run: llem campaign ${path}${slurm ? ' --executor slurm' : ''} --dry-run`,
  )
}
