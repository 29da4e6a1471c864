/**
 * What reading has added, milliseconds: to the times between tokens, and to each token. `written` and `read` are per
 * request when each chunk was written and when it was read, nanoseconds. `midway`: of the middle half of each stream.
 */
export function timesAdded(written, read) {
  const added = []
  const midway = []
  const delays = []
  for (const [index, times] of read.entries()) {
    for (let i = 0; i < times.length; i += 1) {
      delays.push((times[i] - written[index][i]) / 1e6)
      if (i === 0) continue
      const ms = Math.abs(times[i] - times[i - 1] - (written[index][i] - written[index][i - 1])) / 1e6
      added.push(ms)
      if (i > times.length / 4 && i < (times.length * 3) / 4) midway.push(ms)
    }
  }
  return { added, midway, delays }
}

export const percentile = (values, share) =>
  values.sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]
