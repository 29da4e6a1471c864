// What llem is held to. Nothing here changes a number; the report says of each load and window what holds.
import { LLEM, LLEM_ESTIMATES } from './errors.mjs'
import { LOADS } from './loads.mjs'

/** The largest p95 in percent of the headline, by load and by length of the window in seconds. */
const LARGEST_P95_PCT = {
  serving: { 1: 1.5, 5: 0.3, 30: 0.06 },
  fills: { 1: 1.5, 5: 0.4, 30: 0.06 },
}
/** How many times smaller than ZeusMonitor's the p95 is to be on those loads, by length of the window. */
const TIMES_BELOW_ZEUS_MONITOR = { 1: 4, 5: 4 }

/**
 * Per load and length: is llem within its goal, no worse than the best peer (in error, and in windows without an
 * answer), so many times better than ZeusMonitor?
 */
export function judge(results) {
  const headlines = results.filter(({ tool }) => tool === LLEM)
  return headlines.map(({ load, length_s, p95_pct, unanswered }) => {
    const { goals } = LOADS.find(({ name }) => name === load)
    const others = results.filter((result) => result.load === load && result.length_s === length_s)
    const peers = others.filter((peer) => !(peer.tool in LLEM_ESTIMATES) && peer.p95_pct !== null)
    const best = peers.reduce((a, b) => (b.p95_pct < a.p95_pct ? b : a))
    const zeus = peers.find(({ tool }) => tool === 'ZeusMonitor')
    const largest_pct = LARGEST_P95_PCT[goals]?.[length_s] ?? null
    const times = zeus && p95_pct !== null ? zeus.p95_pct / p95_pct : null
    const times_goal = goals === undefined ? null : (TIMES_BELOW_ZEUS_MONITOR[length_s] ?? null)
    return {
      ...{ load, length_s, p95_pct, unanswered, largest_pct },
      ...{ best_peer: best.tool, best_peer_p95_pct: best.p95_pct, best_peer_unanswered: best.unanswered },
      ...{ times_below_zeus_monitor: times, times_goal },
      holds: {
        largest: largest_pct === null ? null : p95_pct !== null && p95_pct <= largest_pct,
        best_peer: p95_pct !== null && p95_pct <= best.p95_pct && unanswered <= best.unanswered,
        zeus_monitor: times_goal === null ? null : times !== null && times >= times_goal,
      },
    }
  })
}
