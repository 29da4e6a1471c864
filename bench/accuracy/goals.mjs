// What llem is held to. Nothing here changes a number; the report says of each class, load and length what holds.
import { isNumber, LLEM, LLEM_ESTIMATES } from './errors.mjs'
import { LOADS, MODELLED } from './loads.mjs'
import { p95Difference } from './paired.mjs'

/** The largest p95 in percent of the headline, by load and by length of the window in seconds. */
const LARGEST_P95_PCT = {
  serving: { 1: 1.5, 5: 0.3, 30: 0.06 },
  fills: { 1: 1.5, 5: 0.4, 30: 0.06 },
}
/** How many times smaller than ZeusMonitor's the p95 is to be on those loads, by length of the window. */
const TIMES_BELOW_ZEUS_MONITOR = { 1: 4, 5: 4 }
/** From this length on no peer's p95 may be lower than llem's by more than so much. */
const COMPARED_FROM_S = 5
const LOWER_BY_PCT = 10

/**
 * Per class, load and length: is llem within its goal, no worse than the best peer (in error, and in windows without an
 * answer), so many times better than ZeusMonitor? By how much do the p95 of the best peer and llem's differ, in which
 * interval, and is the peer's lower by more than is allowed?
 */
export function judge(results, errors) {
  const headlines = results.filter(({ tool }) => tool === LLEM)
  return headlines.map(({ class: of, load, length_s, p95_pct, unanswered }) => {
    const isHere = (each) => each.class === of && each.load === load && each.length_s === length_s
    const peers = results.filter(
      (peer) => isHere(peer) && !(peer.tool in LLEM_ESTIMATES) && peer.p95_pct !== null,
    )
    const best = peers.reduce((a, b) => (b.p95_pct < a.p95_pct ? b : a))
    const here = errors.filter(isHere)
    const goals = of === MODELLED ? LOADS.find(({ name }) => name === load).goals : undefined
    const zeus = peers.find(({ tool }) => tool === 'ZeusMonitor')
    const largest_pct = LARGEST_P95_PCT[goals]?.[length_s] ?? null
    const times = zeus && p95_pct !== null ? zeus.p95_pct / p95_pct : null
    const times_goal = goals === undefined ? null : (TIMES_BELOW_ZEUS_MONITOR[length_s] ?? null)
    const paired = p95Difference(pairsOf(here, best.tool))
    return {
      ...{ class: of, load, length_s, p95_pct, unanswered, largest_pct },
      ...{ best_peer: best.tool, best_peer_p95_pct: best.p95_pct, best_peer_unanswered: best.unanswered },
      ...{ paired, peer_is_better: length_s < COMPARED_FROM_S ? null : isBetter(paired) },
      ...{ times_below_zeus_monitor: times, times_goal },
      holds: {
        largest: largest_pct === null ? null : p95_pct !== null && p95_pct <= largest_pct,
        best_peer: p95_pct !== null && p95_pct <= best.p95_pct && unanswered <= best.unanswered,
        zeus_monitor: times_goal === null ? null : times !== null && times >= times_goal,
      },
    }
  })
}

/** `yes` where the whole interval says so, `perhaps` where only the difference itself does. */
function isBetter(paired) {
  if (paired === null) return 'yes'
  if (paired.high_pct < -LOWER_BY_PCT) return 'yes'
  return paired.difference_pct < -LOWER_BY_PCT ? 'perhaps' : 'no'
}

/** The sizes of both errors for every GPU and window of which both gave an answer. */
function pairsOf(errors, peer) {
  const keyOf = ({ window, gpu }) => `${window} ${gpu}`
  const peers = new Map(errors.filter(({ tool }) => tool === peer).map((error) => [keyOf(error), error]))
  return errors
    .filter((error) => error.tool === LLEM && isNumber(error.error_pct))
    .flatMap((error) => {
      const other = peers.get(keyOf(error))?.error_pct
      if (!isNumber(other)) return []
      return [{ window: error.window, llem: Math.abs(error.error_pct), peer: Math.abs(other) }]
    })
}
