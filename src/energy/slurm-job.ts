// What Slurm says of the job that is measured: who shares its node, and the energy that it counts for the job. Its controller
// serves a whole cluster, so it is asked rarely: once a process who is here, and for the energy twice a window at most.

import type { Meanings } from '../core/meanings.js'
import type { Finding } from '../results/findings.js'
import type { UntrustedEnergy } from '../results/untrusted.js'
import { answerOf } from '../workers/answer.js'

/** A controller that is busy costs no measurement its result. */
const PATIENCE_MS = 3000
/** Slurm itself reads a node's energy twice a minute where nobody asks for more (acct_gather.conf, AcctGatherNodeFreq). */
const SHORTEST_S = 30
/** NO_VAL64 and the like: it does not know. */
const UNKNOWN_J = 4e9

/** What it says over a window. */
export interface SlurmWindow {
  findings: Finding[]
  untrusted: UntrustedEnergy[]
}

let asked: Promise<Finding[]> | undefined
let energyAskedMs = Number.NEGATIVE_INFINITY

/** Begins to look; what it answers ends it, and always resolves. Nothing outside of a job. */
export function watchSlurm(env: NodeJS.ProcessEnv = process.env): () => Promise<SlurmWindow> {
  const { SLURM_JOB_ID: job, SLURMD_NODENAME: node } = env
  // A shell of salloc has the job's variables on a machine that is none of its nodes.
  if (!job || !node) return async () => ({ findings: [], untrusted: [] })
  const startMs = performance.now()
  const isEarly = startMs - energyAskedMs < SHORTEST_S * 1000
  if (!isEarly) energyAskedMs = startMs
  const before = isEarly ? `Slurm was asked less than ${SHORTEST_S} s ago` : energyOfJob(job)
  return async () => {
    const seconds = (performance.now() - startMs) / 1000
    asked ??= sharedBy(job, node, env)
    const [findings, first, last] = await Promise.all([
      asked,
      before,
      seconds < SHORTEST_S ? null : energyOfJob(job),
    ])
    return { findings, untrusted: [differenceOf(first, last, seconds)] }
  }
}

/** Of all steps of the job that run, by step; or why it is not known. */
async function energyOfJob(job: string): Promise<Map<string, number> | string> {
  const format = '--format=JobID,ConsumedEnergyRaw'
  const args = ['--noheader', '--parsable2', '--allsteps', `--jobs=${job}`, format]
  const text = await answerOf('sstat', args, PATIENCE_MS)
  if (text instanceof Error) return `sstat cannot tell it: ${text.message}`
  return new Map(
    text
      .split('\n')
      .map((line) => line.split('|'))
      .flatMap(([step = '', joules = '']) => (/^\d+$/.test(joules) ? [[step, Number(joules)] as const] : [])),
  )
}

function differenceOf(
  first: Map<string, number> | string,
  last: Map<string, number> | string | null,
  seconds: number,
): UntrustedEnergy {
  const told = (energy_j: number | null, reason: string): UntrustedEnergy => ({
    ...{ source: 'slurm', counter: 'ConsumedEnergyRaw', energy_j, reason },
    seconds: energy_j === null ? null : seconds,
  })
  if (typeof first === 'string') return told(null, first)
  if (last === null)
    return told(null, `the window is shorter than ${SHORTEST_S} s, in which Slurm reads once`)
  if (typeof last === 'string') return told(null, last)
  const steps = [...last].filter(([step]) => first.has(step))
  const joules = steps.reduce((sum, [step, after]) => sum + after - (first.get(step) ?? after), 0)
  const isUnknown = steps.some(([step, after]) => after > UNKNOWN_J || (first.get(step) ?? 0) > UNKNOWN_J)
  if (isUnknown || !(joules > 0)) return told(null, 'Slurm counts no energy here (AcctGatherEnergyType)')
  return told(
    joules,
    'of whole nodes, as Slurm counts it for the steps of the job that ran throughout; of the job alone only where its nodes are exclusive',
  )
}

/** Who else is on the node, and whether its GPUs are given to several jobs. */
async function sharedBy(job: string, node: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const parts = [
    ['shards', env.SLURM_SHARDS_ON_NODE],
    ['MPS', env.CUDA_MPS_ACTIVE_THREAD_PERCENTAGE],
  ] as const
  const ofGpu = parts.flatMap(([what, value]): Finding[] =>
    value === undefined || value === ''
      ? []
      : [
          {
            code: 'slurm_gpu_shared',
            severity: 'warning',
            text: `Slurm gave the job a part of a GPU (${what}: ${value}); the power is that of the whole GPU, with whatever other jobs compute there.`,
            devices: [],
            count: 1,
          },
        ],
  )
  return [...ofGpu, ...(await ofNode(job, node))]
}

async function ofNode(job: string, node: string): Promise<Finding[]> {
  const args = ['--noheader', `--nodelist=${node}`, '--states=RUNNING', '--format=%A|%h']
  const text = await answerOf('squeue', args, PATIENCE_MS)
  if (text instanceof Error) return []
  const lines = text
    .split('\n')
    .map((line) => line.trim().split('|'))
    .filter(([id = '']) => /^\d+$/.test(id))
  const others = [...new Set(lines.flatMap(([id = '']) => (id === job ? [] : [id])))]
  if (others.length === 0) return []
  const isOversubscribed = lines.some(([id, share]) => id === job && share === 'YES')
  const which =
    others.length > 3
      ? `${others.length} other jobs`
      : `${others.length === 1 ? 'job' : 'jobs'} ${others.join(', ')}`
  return [
    {
      code: 'slurm_node_shared',
      severity: isOversubscribed ? 'warning' : 'info',
      text: `${which} ran on ${node} too${isOversubscribed ? ', and Slurm may give both the same processors (OverSubscribe)' : ''}; what is told of the CPU and of the node has theirs in it.`,
      devices: [],
      count: 1,
    },
  ]
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  slurm_node_shared: {
    meaning:
      'Other jobs ran on the node. The joules of GPUs that are this job’s own are not affected; those of CPU, memory and node hold theirs too.',
    evidence:
      '`squeue` of the node, asked once. Which GPUs are the job’s own is another matter (slurm_gpus_not_named).',
    advice: 'Ask for the node alone (`--exclusive`) where the CPU or the node matters.',
  },
  slurm_gpu_shared: {
    meaning: 'Slurm may have given the same GPU to other jobs. Its power is that of all of them.',
    evidence: 'SLURM_SHARDS_ON_NODE or CUDA_MPS_ACTIVE_THREAD_PERCENTAGE is set.',
    advice: 'Ask for whole GPUs (`--gpus` or `--gres=gpu:N`).',
  },
}
