// A chunk -> the script that sbatch gets. Pure, and the same text is what --dry-run shows.

import { fileURLToPath } from 'node:url'
import type { SlurmKeys } from '../config/schema-slurm.js'
import { quoted } from './programs.js'
import type { Chunk } from './tasks.js'

export interface ScriptContext {
  slurm: SlurmKeys
  /** Tells the jobs of this submission from all others. */
  jobName: string
  /** The campaign's folder, and where its tasks write their logs. */
  dir: string
  logs: string
  /** The file with the chunk's runs. */
  tasks: string
  workDir: string
  /** Nodes that were found to be bad, beside slurm.exclude. */
  excluded: readonly string[]
}

/** The text of a script. */
export function scriptOf({ tasks }: Chunk, context: ScriptContext): string {
  const { slurm, dir } = context
  const array = `0-${tasks.length - 1}${slurm.max_parallel === null ? '' : `%${slurm.max_parallel}`}`
  const options = optionsOf(array, context).map((option) => `#SBATCH ${option}`)
  return [
    // A login shell, which knows the command `module`.
    '#!/bin/bash -l',
    ...options,
    '',
    // What a task starts by srun gets the environment of the task.
    'export SLURM_EXPORT_ENV=ALL',
    ...(slurm.modules.length === 0 ? [] : [`module load ${slurm.modules.join(' ')} || exit 1`]),
    ...slurm.setup,
    `exec ${[process.execPath, LLEM, 'campaign', 'task', dir, context.tasks].map(quoted).join(' ')}`,
    '',
  ].join('\n')
}

const LLEM = fileURLToPath(import.meta.resolve('#llem'))

function optionsOf(array: string, context: ScriptContext): string[] {
  const { slurm, jobName, logs, workDir, excluded } = context
  const exclude = [slurm.exclude, ...excluded].filter((each) => each !== null).join(',')
  const options: [name: string, value: string | number | null][] = [
    ['job-name', jobName],
    ['array', array],
    ['requeue', ''],
    ['nodes', 1],
    ['ntasks', 1],
    ['chdir', pathText(workDir)],
    ['output', pathText(`${percentFree(logs)}/%A_%a.log`)],
    ['open-mode', 'append'],
    ['export', exportOf(slurm.env)],
    ['partition', slurm.partition],
    ['account', slurm.account],
    ['qos', slurm.qos],
    ['time', slurm.time],
    ['gpus-per-task', slurm.gpus_per_task],
    ['gpus', slurm.gpus],
    ['gres', slurm.gres],
    ['constraint', slurm.constraint],
    ['nodelist', slurm.nodelist],
    ['exclude', exclude === '' ? null : exclude],
    ['exclusive', slurm.exclusive ? '' : null],
  ]
  return options.flatMap(([name, value]) =>
    value === null ? [] : [value === '' ? `--${name}` : `--${name}=${value}`],
  )
}

/** Only named ones: Slurm writes the environment of a job to the controller's disk. */
function exportOf(names: readonly string[]): string {
  const there = names.filter((name) => process.env[name] !== undefined)
  return there.length === 0 ? 'NONE' : there.join(',')
}

/** A path in a line of `#SBATCH`, which knows double quotes. */
function pathText(path: string): string {
  return /[\s"'#]/.test(path) ? `"${path.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"` : path
}

/** Slurm replaces %A and the like in names of files. */
function percentFree(path: string): string {
  return path.replaceAll('%', '%%')
}

/** The environment of sbatch: what the script says is not to be changed by a variable of the shell. */
export function sbatchEnvironment(env: NodeJS.ProcessEnv, script: string): NodeJS.ProcessEnv {
  const said = [...script.matchAll(/^#SBATCH --([a-z-]+)/gm)].map(([, name = '']) => name)
  const names = said.map((name) => `SBATCH_${(OTHERWISE[name] ?? name).toUpperCase().replaceAll('-', '_')}`)
  const taken = new Set([...names, 'SBATCH_NO_REQUEUE', 'SBATCH_ERROR', 'SBATCH_WAIT', 'SBATCH_GET_USER_ENV'])
  return Object.fromEntries(Object.entries(env).filter(([name]) => !taken.has(name)))
}

const OTHERWISE: Readonly<Record<string, string>> = { array: 'array_inx', time: 'timelimit' }
