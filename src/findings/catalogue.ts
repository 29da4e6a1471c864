// Every finding that a result can have: what it means for the number, what it rests on, what to do. Each stands in the file
// that makes the finding, with its sentence and its threshold; a test holds that no code is missing.

import { MEANINGS as ATTRIBUTION } from '../attribution/of-run.js'
import { MEANINGS as TOKENS } from '../backends/server/answer-ledger.js'
import { MEANINGS as IN_MEMORY } from '../backends/server/in-memory.js'
import { MEANINGS as LEFT_OUT } from '../backends/server/left-out.js'
import { MEANINGS as LENGTHS } from '../backends/server/prompts.js'
import { MEANINGS as ANSWERS } from '../backends/server/tally.js'
import { MEANINGS as HEALTH } from '../campaign/health-findings.js'
import { MEANINGS as COMPARISON } from '../compare/oddities.js'
import type { Meanings } from '../core/meanings.js'
import { MEANINGS as CLAIMS } from '../energy/claims.js'
import { MEANINGS as ELSEWHERE } from '../energy/elsewhere.js'
import { MEANINGS as EXTERNAL } from '../energy/external/layers.js'
import { MEANINGS as WINDOW } from '../energy/findings.js'
import { MEANINGS as SLURM_GPUS } from '../energy/slurm-gpus.js'
import { MEANINGS as SLURM } from '../energy/slurm-job.js'
import { MEANINGS as SERVER_ELSEWHERE } from '../experiment/computing.js'
import { MEANINGS as SERVED_ROOT } from '../experiment/served-root.js'
import { MEANINGS as REQUESTS } from '../experiment/serving.js'
import { MEANINGS as RUN } from '../experiment/warnings.js'
import { MEANINGS as NODES } from '../nodes/energy.js'
import { MEANINGS as NODE_FAULTS } from '../nodes/faults.js'
import { MEANINGS as METER } from './of-meter.js'

export const FINDINGS: Meanings = {
  ...WINDOW,
  ...METER,
  ...ELSEWHERE,
  ...CLAIMS,
  ...EXTERNAL,
  ...NODES,
  ...NODE_FAULTS,
  ...SLURM_GPUS,
  ...SLURM,
  ...SERVER_ELSEWHERE,
  ...ATTRIBUTION,
  ...RUN,
  ...REQUESTS,
  ...SERVED_ROOT,
  ...ANSWERS,
  ...TOKENS,
  ...LEFT_OUT,
  ...IN_MEMORY,
  ...LENGTHS,
  ...HEALTH,
  ...COMPARISON,
}
