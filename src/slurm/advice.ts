// What sbatch says when it refuses, and what to change then. The texts are Slurm's own, of src/common/slurm_errno.c, and the
// limits' names, which it prints on a line before.

const ADVICE: readonly [RegExp, string][] = [
  [/Invalid partition name|invalid partition specified/i, 'Give slurm.partition one that `sinfo -s` lists.'],
  [
    /Invalid account|account\/partition combination/i,
    'Give slurm.account one that `sacctmgr show assoc user=$USER format=account,partition,qos` lists.',
  ],
  [
    /Invalid qos/i,
    'Give slurm.qos one that `sacctmgr show assoc user=$USER format=account,partition,qos` lists.',
  ],
  [
    /MaxSubmit|job submit limit|temporarily una/i,
    'The queue takes no more jobs of yours or of anybody: set slurm.pair_on: board, which makes a task of each cycle, run fewer cycles, or wait until others have ended.',
  ],
  [
    /time limit is invalid|MaxWall|PartitionTimeLimit/i,
    'Lower slurm.time, or choose a partition or QOS that allows more (`sinfo -o "%P %l"`).',
  ],
  [
    /Requested node configuration is not available|Invalid generic resource|gres/i,
    'No node has what is asked for: compare slurm.gpus_per_task, slurm.gres and slurm.constraint with `sinfo -o "%P %G %f"`.',
  ],
  [/Invalid feature/i, 'Give slurm.constraint a feature that `sinfo -o "%P %f"` lists.'],
  [/Invalid node name/i, 'Give slurm.nodelist and slurm.exclude nodes that `sinfo -N` lists.'],
  [
    /User's group not permitted|access\/permission denied|not permitted to use/i,
    'You may not use this partition: choose another one (`sinfo -s`), or ask its owner.',
  ],
  [
    /Invalid job array/i,
    'The cluster takes no arrays of this size: look at `scontrol show config | grep MaxArraySize`.',
  ],
  [
    /accounting\/QOS policy/i,
    'A limit of your account or QOS is in the way: `sacctmgr show assoc user=$USER` and `sacctmgr show qos` have them.',
  ],
  [/dependency/i, 'A job that this one waits for is gone: run the command again.'],
  [
    /Unable to contact slurm controller|Socket timed out|Connection refused|Zero Bytes/i,
    'The controller does not answer: look with `scontrol ping`, and run the command again later.',
  ],
  [
    /unrecognized option|invalid option|Invalid --/i,
    'Correct slurm.sbatch_args: `man sbatch` has the options.',
  ],
]

/** What to change after this text of sbatch. */
export function adviceOnSubmission(said: string): string {
  return (
    ADVICE.find(([matches]) => matches.test(said))?.[1] ?? 'Look at --dry-run, which shows what is submitted.'
  )
}

/** What to do about a task that Slurm has ended, by its state. */
export const ENDED_ADVICE: Readonly<Record<string, string>> = {
  TIMEOUT: 'raise slurm.time, or make the experiment shorter (n_prompts)',
  DEADLINE: 'raise slurm.time, or submit earlier',
  OUT_OF_MEMORY: 'ask for more memory, e.g. slurm.sbatch_args: [--mem=64G]',
  NODE_FAIL: 'run the command again; Slurm has not started it elsewhere',
  BOOT_FAIL: 'run the command again',
  PREEMPTED: 'run the command again; Slurm has not started it elsewhere',
  CANCELLED: 'run the command again to go on',
  FAILED: 'its log says more',
}

/** Why a task may wait for ever, by the reason that squeue shows. */
export const HOPELESS_REASONS: Readonly<Record<string, string>> = {
  PartitionTimeLimit: 'slurm.time is more than the partition allows',
  PartitionNodeLimit: 'it asks for more nodes than the partition allows',
  PartitionConfig: 'the partition does not allow what it asks for',
  BadConstraints: 'no node has what it asks for',
  InvalidAccount: 'the account is not valid',
  InvalidQOS: 'the QOS is not valid',
  QOSNotAllowed: 'the QOS is not allowed here',
  AssocMaxWallDurationPerJobLimit: 'slurm.time is more than the account allows',
  QOSMaxWallDurationPerJobLimit: 'slurm.time is more than the QOS allows',
  DependencyNeverSatisfied: 'what it waits for was cancelled',
}
