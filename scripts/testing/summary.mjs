/**
 * What `npm test` says at its end.
 *
 * @param results per step `{ name, ok, durationS, passed, failed, skipped: { name, reason }[],
 *   repeated?: string[], slowest?: { name, durationS }[] }`
 * @param isCi whether a skipped test is a failure
 * @returns {{ table: string, lastLine: string, ok: boolean }}
 */
export function summarise(results, isCi) {
  const skipped = results.flatMap((result) => result.skipped)
  const passed = sum(results, 'passed')
  const failed = sum(results, 'failed') + (isCi ? skipped.length : 0)
  // No test at all is no success.
  const ok = failed === 0 && passed > 0 && results.every((result) => result.ok)
  const rows = results.map((result) => [result.name, outcome(result), `${result.durationS.toFixed(1)} s`])
  const slowest = results.flatMap((result) => result.slowest ?? [])
  const repeated = results.flatMap((result) => result.repeated ?? [])
  const table = [
    '',
    ...aligned(rows),
    ...slow(slowest),
    ...flaky(repeated),
    ...skips(skipped, isCi),
    '',
  ].join('\n')
  return { table, lastLine: `${passed} passed, ${failed} failed`, ok }
}

function outcome({ ok, passed, failed, skipped }) {
  const counts = { passed, failed, skipped: skipped.length }
  const said = Object.entries(counts).filter(([, count]) => count > 0)
  if (said.length === 0) return ok ? 'ok' : 'failed'
  return said.map(([what, count]) => `${count} ${what}`).join(', ')
}

function slow(files) {
  if (files.length === 0) return []
  return [
    '',
    'Slowest files:',
    ...aligned(files.map(({ name, durationS }) => [name, '', `${durationS.toFixed(1)} s`])),
  ]
}

function flaky(names) {
  if (names.length === 0) return []
  return [
    '',
    'Passed at the second try, which is a bug of the test or of llem:',
    ...names.map((name) => `  ${name}`),
  ]
}

function skips(skipped, isCi) {
  if (skipped.length === 0) return []
  const word = skipped.length === 1 ? 'TEST WAS' : 'TESTS WERE'
  const advice = isCi
    ? 'In CI a skipped test is a failure: scripts/setup-debian.sh installs what the tests need.'
    : 'On Debian scripts/setup-debian.sh installs what the tests need.'
  const list = skipped.map(({ name, reason }) => `  ${name}: ${reason}`)
  return ['', `${skipped.length} ${word} SKIPPED. ${advice}`, ...list]
}

function aligned(rows) {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column].length)))
  return rows.map(([name, result, time]) =>
    `  ${name.padEnd(widths[0])}  ${result.padEnd(widths[1])}  ${time.padStart(8)}`.trimEnd(),
  )
}

function sum(results, key) {
  return results.reduce((total, result) => total + result[key], 0)
}
