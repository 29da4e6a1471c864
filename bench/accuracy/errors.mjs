// From what the tools said of each window to the errors of each tool on each load of each class.
import { mean, quantile } from '../statistics.mjs'
import { MODELLED } from './loads.mjs'

/** The headline of llem, and the two estimates beside it, which are shown on the modelled sensor. */
export const LLEM = 'llem'
export const LLEM_ESTIMATES = {
  [LLEM]: 'joules',
  'llem integral_j': 'integral_j',
  'llem counter_j': 'counter_j',
}

/** One entry per tool, GPU and window, in percent of the true energy; an error is null where there was no answer. */
export function errorsOf(answers, gpus, windows, trueJ) {
  return Object.entries(answers).flatMap(([tool, given]) =>
    given.flatMap((answer) => {
      const subject = gpus[answer.gpu]
      const truth = trueJ(answer.gpu, answer.start_ns, answer.end_ns)
      const where = { class: subject.class, load: subject.name, length_s: windows[answer.window].nominalS }
      return Object.entries(estimatesOf(tool, subject)).map(([name, key]) => ({
        ...{ tool: name, ...where, window: answer.window, gpu: answer.gpu },
        error_pct: isNumber(answer[key]) ? 100 * (answer[key] / truth - 1) : null,
        ...(name === LLEM ? { uncertainty_pct: (100 * claimOf(answer, subject)) / truth } : {}),
        // For whoever wonders about a number.
        answer,
      }))
    }),
  )
}

function estimatesOf(tool, subject) {
  if (tool !== LLEM) return { [tool]: 'joules' }
  return subject.class === MODELLED ? LLEM_ESTIMATES : { [LLEM]: 'joules' }
}

/** Which uncertainty has to hold the truth. */
function claimOf(answer, { isByGain }) {
  return isByGain ? answer.absolute_uncertainty_j : answer.uncertainty_j
}

/** Per class, load, length and tool: p50 and p95 of the error's size, its mean with sign, windows without an answer. */
export function summarise(errors) {
  return groupsOf(errors, ({ class: of, load, length_s, tool }) => [of, load, length_s, tool]).map(
    (group) => {
      const [{ class: of, load, length_s, tool }] = group
      const known = group.map(({ error_pct }) => error_pct).filter(isNumber)
      const sizes = known.map(Math.abs)
      return {
        ...{
          class: of,
          load,
          length_s,
          tool,
          windows: group.length,
          unanswered: group.length - known.length,
        },
        ...{ p50_pct: quantile(sizes, 0.5), p95_pct: quantile(sizes, 0.95), mean_pct: mean(known) },
        ...(tool === LLEM ? uncertaintyOf(group) : {}),
      }
    },
  )
}

/** Per class and length, its loads together: how often llem's uncertainty covers the truth, and how large it is. */
export function coverageOf(errors) {
  const headlines = errors.filter(({ tool }) => tool === LLEM)
  return groupsOf(headlines, ({ class: of, length_s }) => [of, length_s]).map((group) => {
    const [{ class: of, length_s }] = group
    return { class: of, length_s, windows: group.length, ...uncertaintyOf(group) }
  })
}

/** What has no answer covers nothing. */
function uncertaintyOf(group) {
  const covered = group.filter(
    ({ error_pct, uncertainty_pct }) => isNumber(error_pct) && Math.abs(error_pct) <= uncertainty_pct,
  )
  const uncertainties = group.map(({ uncertainty_pct }) => uncertainty_pct)
  return { covered: covered.length / group.length, uncertainty_p50_pct: quantile(uncertainties, 0.5) }
}

/** Equal keys together, in the order of their first; lengths from the shortest on. */
function groupsOf(errors, keyOf) {
  const groups = new Map()
  const ordered = errors.toSorted((a, b) => a.gpu - b.gpu || a.length_s - b.length_s)
  for (const error of ordered) {
    const key = JSON.stringify(keyOf(error))
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(error)
  }
  return [...groups.values()]
}

export function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value)
}
