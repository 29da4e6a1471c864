// The files that a benchmark has written -> what they say. Whatever is in them, nothing is thrown: it is a problem of the result.

import { createReadStream } from 'node:fs'
import { basename, dirname } from 'node:path'
import { messageOf } from '../core/errors.js'
import { limitedFile, TooMuchError } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import { pythonJson } from '../core/python-json.js'
import { aiperfBenchmark, aiperfRequest } from './aiperf.js'
import {
  at,
  type ForeignBenchmark,
  type ForeignRequest,
  type ForeignResult,
  type Problems,
  shortText,
  type Tool,
} from './benchmark.js'
import type { FoundFile } from './find-results.js'
import { readGuidellm } from './guidellm.js'
import { readLlamaBench } from './llama-bench.js'
import { readLmEval } from './lm-eval.js'
import { readTrtllm } from './trtllm.js'
import { readVllm } from './vllm.js'

/** All files of one tool. */
export async function readResults(
  tool: Tool,
  files: readonly FoundFile[],
  args: readonly string[],
  problems: Problems,
): Promise<ForeignResult> {
  const results: ForeignResult[] = []
  const each = async (read: (content: unknown, where: string) => ForeignResult | null) => {
    for (const file of files)
      for (const { content, where } of await contentsOf(file, problems)) {
        const result = read(content, where)
        if (result !== null) results.push(result)
      }
  }
  if (tool === 'aiperf') return await readAiperf(files, problems)
  if (tool === 'trtllm-bench') return await readBoth(files, problems)
  if (tool === 'llama-bench') return await readPrinted(files, args, problems)
  if (tool === 'vllm-bench') await each((content, where) => readVllm(content, where, problems))
  if (tool === 'guidellm') await each((content, where) => readGuidellm(content, where, problems))
  if (tool === 'lm-eval') await each((content, where) => readLmEval(content, where, problems))
  return {
    version: results.find(({ version }) => version !== null)?.version ?? null,
    benchmarks: results.flatMap(({ benchmarks }) => benchmarks),
  }
}

interface Content {
  content: unknown
  where: string
}

/** The value in a file; undefined where it cannot be read, which is told. */
async function contentOf(file: FoundFile, problems: Problems): Promise<unknown> {
  return (await contentsOf(file, problems))[0]?.content
}

/** The same of one in which --append-result put a result below others: all that are of this run. */
async function contentsOf({ path, tool, fromByte = 0 }: FoundFile, problems: Problems): Promise<Content[]> {
  const where = basename(path)
  let text = ''
  try {
    text = await newText(path, fromByte, LIMITS.benchmark_bytes)
    return [{ content: parsed(text), where }]
  } catch (error) {
    const lines = tool === 'vllm-bench' ? text.split('\n') : []
    // A line that is no JSON object by its look is a piece of one value, or of none.
    if (lines.filter((line) => line.trim() !== '').length > 1 && lines.every(isLine))
      return [...new Map(lines.map((line, index) => [line, index + 1]))].flatMap(([line, number]) => {
        if (line.trim() === '') return []
        try {
          return [{ content: parsed(line), where: `${where}:${number}` }]
        } catch (wrong) {
          problems.missing(`${where}:${number}`, messageOf(wrong))
          return []
        }
      })
    const isDetailed = error instanceof TooMuchError && tool === 'vllm-bench'
    const advice = isDetailed ? '; without --save-detailed it has the sums alone' : ''
    problems.missing(where, `${messageOf(error)}${advice}`)
    return []
  }
}

function isLine(line: string): boolean {
  return line.trim() === '' || line.startsWith('{')
}

/** Without what was there before the run. */
async function newText(path: string, fromByte: number, maxBytes: number): Promise<string> {
  const text = await limitedFile(path, maxBytes)
  return fromByte === 0 ? text : Buffer.from(text).subarray(fromByte).toString('utf8')
}

function parsed(text: string): unknown {
  return pythonJson(text, { maxChars: LIMITS.benchmark_bytes, maxValues: LIMITS.benchmark_values })
}

/** AIPerf has a folder for each run of a sweep, with both files. */
async function readAiperf(files: readonly FoundFile[], problems: Problems): Promise<ForeignResult> {
  const folders = [...new Set(files.map(({ path }) => dirname(path)))].sort()
  const benchmarks: ForeignBenchmark[] = []
  let version: string | null = null
  for (const folder of folders) {
    const own = files.filter(({ path }) => dirname(path) === folder)
    const result = own.find(({ part }) => part === 'result')
    const requests = own.find(({ part }) => part === 'requests')
    const content = result === undefined ? undefined : await contentOf(result, problems)
    version = shortText(at(content, 'aiperf_version')) ?? version
    benchmarks.push(
      aiperfBenchmark(
        content === undefined || result === undefined ? null : { content, where: basename(result.path) },
        requests === undefined ? null : await requestLines(requests.path, problems),
        folders.length === 1 ? null : basename(folder),
        problems,
      ),
    )
  }
  return { version, benchmarks }
}

/** The requests of a file of lines, read one by one; null where it is not whole. */
async function requestLines(path: string, problems: Problems): Promise<ForeignRequest[] | null> {
  const where = basename(path)
  const requests: ForeignRequest[] = []
  let rest = ''
  let number = 0
  let isWhole = true
  const take = (line: string) => {
    number += 1
    if (line.trim() === '') return
    try {
      const request = aiperfRequest(pythonJson(line), `${where}:${number}`, problems)
      if (request === undefined) {
        problems.add(`${where}:${number}`, 'it has no times')
        isWhole = false
      } else if (request !== null) requests.push(request)
    } catch (error) {
      problems.add(`${where}:${number}`, messageOf(error))
      isWhole = false
    }
    if (requests.length > LIMITS.benchmark_requests)
      throw new TooMuchError(`it has more than ${LIMITS.benchmark_requests} requests`)
  }
  try {
    for await (const chunk of createReadStream(path, 'utf8')) {
      const lines = `${rest}${chunk}`.split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > LIMITS.benchmark_line_chars)
        throw new TooMuchError(
          `line ${number + lines.length + 1} is longer than ${LIMITS.benchmark_line_chars} characters`,
        )
      lines.forEach(take)
    }
    if (rest !== '') take(rest)
  } catch (error) {
    problems.add(where, messageOf(error))
    return null
  }
  return isWhole && requests.length > 0 ? requests : null
}

/** Each run has a report, a list of requests, or both: which two are of one run is known where there is one of each. */
async function readBoth(files: readonly FoundFile[], problems: Problems): Promise<ForeignResult> {
  const contents = async (part: FoundFile['part']) => {
    const read: Content[] = []
    for (const file of files.filter((each) => each.part === part))
      read.push(...(await contentsOf(file, problems)))
    return read
  }
  const [reports, lists] = [await contents('result'), await contents('requests')]
  const [report = null, list = null] = [reports[0], lists[0]]
  if (reports.length + lists.length === 0) return { version: null, benchmarks: [] }
  if (reports.length <= 1 && lists.length <= 1) return readTrtllm(report, list, problems)
  if (reports.length > 0 && lists.length > 0)
    problems.missing('looking for results', 'which report and which requests are of one run is not known')
  const results = (lists.length > 0 ? lists : reports).map((each) =>
    lists.length > 0 ? readTrtllm(null, each, problems) : readTrtllm(each, null, problems),
  )
  return { version: results[0]?.version ?? null, benchmarks: results.flatMap(({ benchmarks }) => benchmarks) }
}

/** llama-bench into a file: when each test ended is not known then. */
async function readPrinted(
  files: readonly FoundFile[],
  args: readonly string[],
  problems: Problems,
): Promise<ForeignResult> {
  const reason = 'it was printed into a file, so that nobody saw when each test ended: let it print to stdout'
  const found: ForeignResult[] = []
  for (const { path, fromByte = 0 } of files)
    try {
      const text = await newText(path, fromByte, LIMITS.benchmark_printed_bytes)
      const { version, tests } = readLlamaBench(text, basename(path), args, problems)
      found.push({
        version,
        benchmarks: tests.map(({ benchmark }) => ({ ...benchmark, timesReason: reason })),
      })
    } catch (error) {
      problems.missing(basename(path), messageOf(error))
    }
  return { version: found[0]?.version ?? null, benchmarks: found.flatMap(({ benchmarks }) => benchmarks) }
}
