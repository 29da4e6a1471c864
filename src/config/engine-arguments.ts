// Arguments of engines by their own names: what is wrong with one, and one way to write it, so that dashes and underscores
// are the same experiment.

import { ONLY_IN_FILE } from '../backends/server/engine-arguments.js'
import { suggestKey } from './did-you-mean.js'
import { experimentJsonSchema } from './json-schema.js'
import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import { isTree, type Tree } from './tree.js'

const GROUPS = ['vllm', 'tensorrt'] as const
type Group = (typeof GROUPS)[number]

/** What llem says itself, and what it would be refused for. */
const LLEMS_OWN: Readonly<Record<string, string>> = {
  host: 'a server is for this machine alone; another host goes into `args`',
  port: 'llem finds a free port; another one goes into `args`',
  api_key: 'name the environment variable that holds it in `api_key_env`',
  config: 'a file of arguments goes into `args`, where its content is no part of what is compared',
}

/** The written tree with arguments of engines in underscores and without those that are null, and what is wrong with them. */
export function settleEngineArguments(
  written: Tree,
  layers: readonly Layer[],
): { settled: Tree; findings: Finding[] } {
  const findings: Finding[] = []
  let settled = written
  for (const group of GROUPS) {
    const options = written[group]
    if (!isTree(options)) continue
    const named: Tree = Object.create(null)
    for (const [key, value] of Object.entries(options)) {
      const name = snake(key)
      const wrong = wrongArgument(group, key) ?? (name !== key && name in options ? twice(group, name) : null)
      if (wrong !== null) {
        const place = placeOf(layers, [group, key], 'key')
        findings.push({ place, key: `${group}.${key}`, ...wrong })
      } else if (value !== null || isAlwaysThere(group, name)) named[name] = value
    }
    settled = Object.assign(Object.create(null), settled, { [group]: named })
  }
  return { settled, findings }
}

/** What is wrong with a dotted key of an engine's group; null for a sound one and for any other key. */
export function wrongDottedArgument(key: string): { message: string; suggestion: string | null } | null {
  const [group, name, ...rest] = key.split('.')
  const isArgument = rest.length === 0 && name !== undefined && (GROUPS as readonly unknown[]).includes(group)
  return isArgument ? wrongArgument(group as Group, name) : null
}

type Wrong = { message: string; suggestion: string | null } | null
const judged = new Map<string, Wrong>()

/** Judged once: the points of a grid all have the same names. */
function wrongArgument(group: Group, key: string): Wrong {
  const id = `${group}.${key}`
  const known = judged.get(id)
  if (known !== undefined) return known
  const wrong = judge(group, key)
  // A program may read files without end.
  if (judged.size >= 1000) judged.clear()
  judged.set(id, wrong)
  return wrong
}

function judge(group: Group, key: string): Wrong {
  const name = snake(key)
  if (knownKeys(group)[name] !== undefined) return null
  const own = LLEMS_OWN[name]
  if (own !== undefined) return { message: `\`${group}.${key}\` is not passed on`, suggestion: own }
  if (group === 'tensorrt' && ONLY_IN_FILE.includes(name))
    return {
      message: `\`${group}.${key}\` is no option of trtllm-serve`,
      suggestion: 'write it into a YAML file, and name that in `tensorrt.extra_llm_api_options`',
    }
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    return {
      message: `\`${key}\` under \`${group}\` is no name of an argument`,
      suggestion: 'small letters, digits and underscores',
    }
  // Near to what is known it is rather a slip than news.
  const suggestion = suggestKey(name, [group])
  if (suggestion === null) return null
  const way = `if it is an argument of the engine that llem does not know: \`${group}.args: [--${key}, ...]\``
  return { message: `unknown key \`${key}\` under \`${group}\``, suggestion: `${suggestion} ${way}` }
}

function twice(group: Group, name: string): { message: string; suggestion: string } {
  return {
    message: `${group}.${name} is given twice, with dashes and with underscores`,
    suggestion: 'keep one of the two',
  }
}

/** With a default, so that null is a value of it. */
function isAlwaysThere(group: Group, name: string): boolean {
  return knownKeys(group)[name]?.default !== undefined
}

function knownKeys(group: Group) {
  return experimentJsonSchema().properties?.[group]?.properties ?? {}
}

function snake(name: string): string {
  return name.replaceAll('-', '_')
}
