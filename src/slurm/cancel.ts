import { type KeptSubmission, submissionsIn } from './folder.js'
import { callSlurm, mustCallSlurm } from './programs.js'

/** Ends all that a campaign has in Slurm. Resolves with the jobs. Throws SLURM_REFUSED with those that could not be ended. */
export async function cancelCampaign(dir: string): Promise<string[]> {
  return (await Promise.all(submissionsIn(dir).map((each) => cancelSubmission(each)))).flat()
}

/** Ends the jobs of a submission, also one that sbatch took and nobody has written down: names tell them too. */
export async function cancelSubmission({ chunks, job_name }: KeptSubmission): Promise<string[]> {
  const jobs = chunks.filter(({ job_id }) => job_id !== null)
  for (const [cluster, ids] of byCluster(jobs)) await mustCallSlurm('scancel', [...where(cluster), ...ids])
  if (jobs.length < chunks.length)
    for (const { number } of chunks) await mustCallSlurm('scancel', [`--name=${job_name}-${number}`])
  return jobs.map(({ job_id }) => job_id ?? '')
}

/** Ends what has not begun; what runs goes on. */
export async function cancelWaiting(dir: string): Promise<void> {
  for (const { chunks } of submissionsIn(dir))
    for (const [cluster, ids] of byCluster(chunks))
      await mustCallSlurm('scancel', [...where(cluster), '--state=PENDING', ...ids])
}

/** Keeps what waits away from these nodes. A job that is over needs no change. */
export async function excludeNodes(dir: string, nodes: readonly string[]): Promise<void> {
  const list = `ExcNodeList=${[...new Set(nodes)].join(',')}`
  for (const { chunks } of submissionsIn(dir))
    for (const { job_id, cluster } of chunks)
      if (job_id !== null) await callSlurm('scontrol', [...where(cluster), 'update', `JobId=${job_id}`, list])
}

export function where(cluster: string | null): string[] {
  return cluster === null ? [] : ['--clusters', cluster]
}

type Job = Pick<KeptSubmission['chunks'][number], 'job_id' | 'cluster'>

export function byCluster(jobs: readonly Job[]): Map<string | null, string[]> {
  const found = new Map<string | null, string[]>()
  for (const { job_id, cluster } of jobs) {
    if (job_id === null) continue
    found.set(cluster, [...(found.get(cluster) ?? []), job_id])
  }
  return found
}
