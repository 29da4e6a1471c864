import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const STEADY = [{ for_s: 1, w: 300 }]
const scenario = scenarioFile([gpu(0, STEADY)])

/** Runs a shell script in which "$llem" starts llem; for what needs a limit or a mount around it. */
function shell(script: string, wrapper: string[] = []) {
  const path = textFile('script.sh', script)
  const [program, ...args] = [...wrapper, 'sh', path]
  const { status, stdout, stderr } = spawnSync(program as string, args, {
    encoding: 'utf8',
    env: { ...process.env, llem: `${process.execPath} ${BIN} exec --simulate ${scenario}` },
  })
  return { code: status, stdout, stderr }
}

function expectEnergy(stdout: string): ExecResult {
  const result = JSON.parse(stdout) as ExecResult
  expect(result.energy.total_j).toBeGreaterThan(100)
  return result
}

describe('an output folder', () => {
  it('below a regular file is refused before the command starts, as an error of usage', async () => {
    const file = textFile('file', '')
    const proof = join(scratchFolder(), 'started')
    const { code, stdout, stderr } = await llem([
      ...['exec', '--simulate', scenario, '-o', join(file, 'results')],
      ...['--', 'touch', proof],
    ])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^llem: Results cannot be written to .*ENOTDIR.* Or choose another folder with -o\. \[OUTPUT_NOT_WRITABLE\]\n$/,
    )
    expect(existsSync(proof)).toBe(false)
  })

  it('that disappears costs the files, not the energy, and the exit code stays the command’s', async () => {
    const output = scratchFolder()
    const command = `sleep 0.6; rm -r ${output}/*; exit 3`
    const { code, stdout, stderr } = await llem([
      ...['exec', '--simulate', scenario, '--json', '-o', output],
      ...['--', 'sh', '-c', command],
    ])
    expect(code).toBe(3)
    const result = expectEnergy(stdout)
    expect(result.energy.faults).toEqual([
      expect.stringContaining('timeseries.parquet could not be written'),
      expect.stringContaining('samples.parquet could not be written'),
    ])
    expect([result.timeseries_path, result.samples_path]).toEqual([null, null])
    expect(result.findings).toContainEqual(expect.objectContaining({ code: 'recording_fault' }))
    expect(stderr).toMatch(/^llem: \S+result\.json could not be written: .*\n$/)
    expect(readdirSync(output)).toEqual([])
  })
})

describe('a disk', () => {
  it('that takes no large file costs that file only, and no half of it stays', () => {
    const output = scratchFolder()
    const { code, stdout, stderr } = shell(`ulimit -f 16
exec $llem --json --interval-ms 1 --full-rate -o ${output} -- sleep 1`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const result = expectEnergy(stdout)
    expect(result.energy.faults).toEqual([
      'samples.parquet could not be written: File too large (os error 27)',
    ])
    expect(result.samples_path).toBeNull()
    expect(result.timeseries_path).not.toBeNull()
    const [run] = readdirSync(output)
    expect(readdirSync(join(output, String(run))).sort()).toEqual(['result.json', 'timeseries.parquet'])
  })

  it('that fills up while the command runs costs what does not fit, and no half of it stays', (context) => {
    const wrapper = ['unshare', '--user', '--map-root-user', '--mount']
    const mount = 'mount -t tmpfs -o size=64k none'
    const disk = scratchFolder()
    const possible = shell(`${mount} ${disk}`, wrapper)
    if (possible.code !== 0) context.skip(`a small disk cannot be mounted here: ${possible.stderr}`)
    const { code, stdout, stderr } = shell(
      `${mount} ${disk}
$llem --json --full-rate -o ${disk} -- sh -c 'sleep 0.6; cat /dev/zero > ${disk}/filled; exit 4' 2> ${disk}-stderr
code=$?
cat ${disk}-stderr >&2
find ${disk} -type f >&2
exit $code`,
      wrapper,
    )
    expect(code).toBe(4)
    const result = expectEnergy(stdout)
    expect(result.energy.faults).toContain(
      'samples.parquet could not be written: No space left on device (os error 28)',
    )
    for (const fault of result.energy.faults) expect(fault).toContain('No space left on device')
    expect(result.samples_path).toBeNull()
    // The small files may fit into what giving up the large one has freed.
    const left = stderr.split('\n').filter((line) => line.startsWith(disk))
    expect(left).toContain(`${disk}/filled`)
    const timeseries = left.some((path) => path.endsWith('/timeseries.parquet'))
    expect(timeseries).toBe(result.timeseries_path !== null)
    expect(left.some((path) => path.endsWith('.partial') || path.endsWith('samples.parquet'))).toBe(false)
    const unwritten =
      /llem: \S+result\.json could not be written: ENOSPC.* Make room on its disk, or choose another folder\./
    expect(left.some((path) => path.endsWith('/result.json'))).toBe(!unwritten.test(stderr))
  })
})
