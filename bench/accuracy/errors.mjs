// From what the tools said of each window to the errors of each tool on each load.
import { mean, quantile } from '../statistics.mjs'
import { LOADS } from './loads.mjs'

/** The headline of llem, and the two estimates that it is chosen from. */
export const LLEM = 'llem'
export const LLEM_ESTIMATES = {
  [LLEM]: 'joules',
  'llem integral_j': 'integral_j',
  'llem counter_j': 'counter_j',
}

/** One entry per tool, load and window, in percent of the true energy; an error is null where there was no answer. */
export function errorsOf(answers, windows, trueJ) {
  return Object.entries(answers).flatMap(([tool, given]) => {
    const estimates = Object.entries(tool === LLEM ? LLEM_ESTIMATES : { [tool]: 'joules' })
    return given.flatMap((answer) => {
      const truth = trueJ(answer.gpu, answer.start_ns, answer.end_ns)
      return estimates.map(([name, key]) => ({
        ...{ tool: name, load: LOADS[answer.gpu].name, length_s: windows[answer.window].nominalS },
        error_pct: isNumber(answer[key]) ? 100 * (answer[key] / truth - 1) : null,
        ...(name === LLEM ? { uncertainty_pct: (100 * answer.uncertainty_j) / truth } : {}),
        // For whoever wonders about a number.
        answer,
      }))
    })
  })
}

/** Per load, length and tool: p50 and p95 of the error's size, its mean with sign, how many windows had no answer. */
export function summarise(errors) {
  const groups = new Map()
  for (const error of errors.toSorted(byLoadAndLength)) {
    const key = JSON.stringify([error.load, error.length_s, error.tool])
    groups.set(key, [...(groups.get(key) ?? []), error])
  }
  return [...groups.values()].map((group) => {
    const [{ load, length_s, tool }] = group
    const known = group.map(({ error_pct }) => error_pct).filter(isNumber)
    const sizes = known.map(Math.abs)
    return {
      ...{ load, length_s, tool, windows: group.length, unanswered: group.length - known.length },
      ...{ p50_pct: quantile(sizes, 0.5), p95_pct: quantile(sizes, 0.95), mean_pct: mean(known) },
      ...(tool === LLEM ? uncertaintyOf(group) : {}),
    }
  })
}

/** How often llem's uncertainty covers the truth, and how large it is. */
function uncertaintyOf(group) {
  const covered = group.filter(
    ({ error_pct, uncertainty_pct }) => isNumber(error_pct) && Math.abs(error_pct) <= uncertainty_pct,
  )
  const uncertainties = group.map(({ uncertainty_pct }) => uncertainty_pct)
  return { covered: covered.length / group.length, uncertainty_p50_pct: quantile(uncertainties, 0.5) }
}

function byLoadAndLength(a, b) {
  const positionOf = ({ load }) => LOADS.findIndex(({ name }) => name === load)
  return positionOf(a) - positionOf(b) || a.length_s - b.length_s
}

function isNumber(value) {
  return typeof value === 'number'
}
