// Command lines of `vllm bench serve` as an experiment, or as a campaign where there are several.

import { basename } from 'node:path'
import { closest, didYouMean } from '../../config/did-you-mean.js'
import type { Finding, Place } from '../../config/problems.js'
import { mergeTrees, nest, type Path, type Tree } from '../../config/tree.js'
import { mask } from '../../core/secrets.js'
import { type Imported, isTaken, type LostKey, type Origin, type Reading } from '../reading.js'
import { type BenchCommand, benchCommands } from './command-lines.js'
import { OF_PROMPTS, OPTIONS, SWITCHES, typedValue } from './options.js'
import { addressOf, promptsOf } from './prompts.js'

const NOWHERE = { backends: ['vllm'], isCampaign: false }

export function importBench(text: string, path: string): Imported {
  const { commands, findings } = benchCommands(text, path)
  const what = '`vllm bench serve`'
  const [only, second] = commands
  if (only === undefined || second === undefined) {
    const read = only === undefined ? nothing() : readCommand(only, [])
    return { what, kind: 'experiment', ...read, findings: [...findings, ...read.findings] }
  }
  const all = commands.map((command, index) => readCommand(command, ['experiments', index]))
  return {
    what: `${commands.length} command lines of ${what}`,
    kind: 'campaign',
    tree: { campaign_name: basename(path).replace(/\.\w+$/, ''), experiments: all.map(({ tree }) => tree) },
    origins: all.flatMap(({ origins }) => origins),
    lost: all.flatMap(({ lost }) => lost),
    findings: [...findings, ...all.flatMap((each) => each.findings)],
  }
}

interface Read {
  tree: Tree
  origins: Origin[]
  lost: LostKey[]
  findings: Finding[]
}

function nothing(): Read {
  return { tree: {}, origins: [], lost: [], findings: [] }
}

function readCommand({ args, place }: BenchCommand, base: Path): Read {
  const read = nothing()
  const given: Record<string, unknown> = {}
  const places: Record<string, Place> = {}
  read.tree = { backend: 'vllm', n_prompts: 1000 }
  read.origins.push({ path: [...base, 'n_prompts'], from: '--num-prompts', place, how: 'their default' })
  for (let at = 0; at < args.length; at += 1) {
    const { text, place: here } = args[at] as (typeof args)[number]
    const [, typed, inline] = /^--?([A-Za-z][\w-]*)(?:=([\s\S]*))?$/.exec(text) ?? []
    const name = typed?.replaceAll('_', '-')
    const refuse = (message: string, suggestion: string | null) =>
      read.findings.push({ place: here, key: text, message, suggestion })
    if (name === undefined) refuse(`${JSON.stringify(text)} belongs to no option`, null)
    else if (Object.hasOwn(SWITCHES, name))
      take(read, base, name, here, SWITCHES[name]?.(true, NOWHERE) ?? [])
    else if (Object.hasOwn(OPTIONS, name) || OF_PROMPTS.includes(name)) {
      const next = inline ?? args[at + 1]?.text
      if (next === undefined || (inline === undefined && /^--[a-z]/.test(next))) {
        refuse(`--${name} has no value`, null)
        continue
      }
      if (inline === undefined) at += 1
      given[name] = typedValue(next)
      places[name] = here
      // Some take many values, of which none begins with a dash.
      while (MANY.includes(name) && args[at + 1] !== undefined && !args[at + 1]?.text.startsWith('-')) at += 1
      if (!OF_PROMPTS.includes(name))
        take(read, base, name, here, OPTIONS[name]?.(given[name], NOWHERE) ?? [])
    } else {
      const meant = closest(name, [...Object.keys(OPTIONS), ...Object.keys(SWITCHES), ...OF_PROMPTS])
      refuse(
        `unknown option --${name} of \`vllm bench serve\``,
        meant === null ? null : didYouMean(`--${meant}`),
      )
      // What follows is its value.
      if (inline === undefined && args[at + 1]?.text.startsWith('-') === false) at += 1
    }
  }
  const told = [...promptsOf(given), ...addressOf(given), ...inFlight(given)]
  for (const { option, ...reading } of told)
    take(read, base, option, places[option] ?? place, [reading as Reading])
  if (given.model === undefined)
    read.findings.push({
      place,
      key: 'model',
      message: 'no --model is given',
      suggestion: 'vLLM asks its server; write --model NAME',
    })
  return read
}

const MANY: readonly string[] = ['metadata', 'goodput', 'header', 'lora-modules']

/** Without a rate and a limit vLLM sends all requests at once. */
function inFlight(given: Readonly<Record<string, unknown>>) {
  const rate = given['request-rate']
  if (given['max-concurrency'] !== undefined || (rate !== undefined && rate !== 'inf')) return []
  const value = given['num-prompts'] ?? 1000
  return [{ option: 'request-rate', to: 'load.concurrency', value, how: 'all at once, as without a rate' }]
}

function take(read: Read, base: Path, option: string, place: Place, readings: readonly Reading[]): void {
  for (const reading of readings) {
    if (!isTaken(reading)) read.lost.push({ key: `--${option}`, place, ...reading })
    else if (typeof reading.value === 'string' && mask(reading.value) !== reading.value)
      read.lost.push({
        key: `--${option}`,
        place,
        why: 'it holds a secret, which no file of llem does',
        matters: true,
      })
    else {
      const path = reading.to.split('.')
      read.tree = mergeTrees(read.tree, nest(path, reading.value))
      const at = [...base, ...path]
      read.origins = read.origins.filter((origin) => JSON.stringify(origin.path) !== JSON.stringify(at))
      read.origins.push({ path: at, from: `--${option}`, place, how: reading.how ?? null })
    }
  }
}
