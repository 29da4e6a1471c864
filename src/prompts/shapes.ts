// An entry of somebody's file -> the prompt in it, and what was taken for what. The shapes: a text; `prompt`, `text`,
// `question`, `instruction` with its `input`; conversations (`messages`, ShareGPT's `conversations`); `turns` (MT-Bench,
// AIPerf); requests of OpenAI's batches (`body`); `output_tokens` of vLLM's custom data sets; traces of Mooncake, which
// have lengths and the hashes of their blocks instead of texts.

import { z } from 'zod'
import { pythonJson } from '../core/python-json.js'
import { isMessage, openingOf } from './conversation.js'
import { ignoredIn } from './ignored.js'
import type { TakenPrompt } from './taken.js'
import { traceText } from './trace.js'

/** Where the texts of an entry may be, the first that there is. */
const TEXT_FIELDS = [
  ...['prompt', 'text', 'messages', 'conversations', 'conversation', 'instruction', 'question', 'turns'],
  ...['text_input', 'texts', 'query', 'content', 'body', 'payload'],
]
/** What belongs to an instruction: Alpaca's input, Dolly's context. */
const INPUTS = ['input', 'context']
const SYSTEMS = ['system', 'system_prompt']
/** Fields that hold conversations. */
const CONVERSATIONS = ['messages', 'conversations', 'conversation']
/** Who writes what nobody asks a model: the turns of OpenAssistant are entries of their own. */
const OTHER_ROLES = ['assistant', 'gpt', 'chatgpt', 'bot', 'model', 'system', 'developer', 'tool', 'function']

const length = z.int().min(1).nullish()
const lengthsSchema = z.object({ input_tokens: length, output_tokens: length, output_length: length })
const traceSchema = z.object({
  input_length: z.int().min(1),
  output_length: z.int().min(1).nullish(),
  hash_ids: z.array(z.int()).nullish(),
})

/** Fields beside the one with the text that are read with it. */
export function companionsOf(field: string): string[] {
  return [...(field === 'instruction' ? INPUTS : []), ...SYSTEMS]
}

/**
 * The prompt of an entry, or what is wrong with it. `field` is where it is, null where it is to be found; `number` is
 * that of the entry in its file.
 */
export function promptOf(entry: unknown, field: string | null, number: number): TakenPrompt | string {
  if (typeof entry === 'string' && field === null) return withText({ text: entry, system: null }, 'text', {})
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return field === null ? 'it is neither text nor a mapping' : `no text in ${JSON.stringify(field)}`
  const fields = entry as Record<string, unknown>
  if (field !== null) {
    const opening = openingIn(fields[field], field, fields)
    return opening === null
      ? `no text in ${JSON.stringify(field)}`
      : withText(opening.opening, opening.from, fields)
  }
  const name = TEXT_FIELDS.find((each) => fields[each] !== undefined && fields[each] !== null)
  if (name === undefined) return traceOf(fields, number) ?? nothingFound(fields)
  const found = openingIn(fields[name], name, fields)
  return found === null ? wrongValue(fields[name], name) : withText(found.opening, found.from, fields)
}

/** Whether an entry is no prompt and nothing is wrong with it: a conversation without a user, a turn of an assistant. */
export function isNoPrompt(entry: unknown, field: string | null): boolean {
  if (typeof entry !== 'object' || entry === null) return false
  const fields = entry as Record<string, unknown>
  const name = field ?? TEXT_FIELDS.find((each) => fields[each] !== undefined && fields[each] !== null)
  const value = name === undefined ? undefined : fields[name]
  if (typeof value === 'string')
    return ['text', 'content'].includes(name ?? '') && OTHER_ROLES.includes(String(fields.role).toLowerCase())
  if (!Array.isArray(value) || openingOf(value) !== null) return false
  if (value.length === 0) return CONVERSATIONS.includes(name ?? '')
  return value.every((each) => typeof each === 'object' && each !== null && isMessage(Object.keys(each)))
}

interface Found {
  opening: { text: string; system: string | null }
  /** The field, or fields, as they are named in the result. */
  from: string
}

function openingIn(value: unknown, name: string, fields: Record<string, unknown>): Found | null {
  if (typeof value === 'string') {
    const messages = messagesOf(value)
    if (messages !== null) return openingIn(messages, name, fields)
    return CONVERSATIONS.includes(name) && /^\s*[[{]/.test(value) ? null : instructed(value, name, fields)
  }
  if (name === 'body' || name === 'payload') {
    const body = (value ?? {}) as Record<string, unknown>
    const inner = ['messages', 'prompt', 'input'].find((each) => body[each] !== undefined)
    const found = inner === undefined ? null : openingIn(body[inner], inner, {})
    return found === null ? null : { ...found, from: `${name}.${found.from}` }
  }
  const opening = openingOf(value)
  if (opening !== null) return { opening, from: name }
  const [first] = Array.isArray(value) ? value : []
  if (typeof first === 'string') {
    const text =
      name === 'texts' ? (value as unknown[]).filter((part) => typeof part === 'string').join('\n') : first
    return { opening: { text, system: null }, from: name === 'texts' ? name : `${name}[0]` }
  }
  // Of a conversation that was none of a user's, nothing is taken.
  if (typeof first !== 'object' || first === null || isMessage(Object.keys(first))) return null
  // Turns that are entries of their own, as AIPerf has them.
  const turn = ['text', 'texts', 'prompt', 'content', 'messages'].find((each) => each in first)
  const found = turn === undefined ? null : openingIn((first as Record<string, unknown>)[turn], turn, {})
  return found === null ? null : { ...found, from: `${name}[0].${found.from}` }
}

/** The messages that a text is in JSON, as tables keep them; null where it is none. */
function messagesOf(text: string): unknown[] | null {
  if (!/^\s*\[\s*\{\s*"(?:role|from|content|value)"/.test(text)) return null
  try {
    const value = pythonJson(text)
    return Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** An instruction with what it is to be applied to, where there is something. */
function instructed(text: string, name: string, fields: Record<string, unknown>): Found {
  const more = name === 'instruction' ? INPUTS.find((each) => isText(fields[each])) : undefined
  if (more === undefined) return { opening: { text, system: null }, from: name }
  return { opening: { text: `${text}\n\n${fields[more]}`, system: null }, from: `${name}+${more}` }
}

function withText(
  { text, system }: Found['opening'],
  from: string,
  fields: Record<string, unknown>,
): TakenPrompt | string {
  if (text.trim() === '') return 'the prompt is empty'
  const lengths = lengthsSchema.safeParse(numbersIn(fields))
  if (!lengths.success)
    return lengths.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ')
  const { input_tokens, output_tokens, output_length } = lengths.data
  const named = SYSTEMS.find((each) => isText(fields[each]))
  const told = system ?? (named === undefined ? null : String(fields[named]))
  const output = output_tokens ?? output_length ?? null
  const ignored = ignoredIn(fields)
  return {
    ...(ignored.length > 0 && { ignored }),
    prompt: {
      ...(told !== null && { system: told }),
      text,
      ...(typeof input_tokens === 'number' && { input_tokens }),
      ...(output !== null && { output_tokens: output }),
    },
    taken: {
      text: from,
      system: told === null ? null : system === null ? (named ?? null) : from,
      input_tokens: typeof input_tokens === 'number' ? 'input_tokens' : null,
      output_tokens:
        output === null ? null : typeof output_tokens === 'number' ? 'output_tokens' : 'output_length',
    },
  }
}

/** A request of which only the lengths are known. Null where it is none. */
function traceOf(fields: Record<string, unknown>, number: number): TakenPrompt | string | null {
  if (fields.input_length === undefined) return null
  const trace = traceSchema.safeParse(numbersIn(fields))
  if (!trace.success)
    return trace.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ')
  const { input_length, output_length, hash_ids } = trace.data
  return {
    prompt: {
      text: traceText(input_length, hash_ids ?? null, number),
      input_tokens: input_length,
      ...(typeof output_length === 'number' && { output_tokens: output_length }),
    },
    taken: {
      text: Array.isArray(hash_ids) ? 'hash_ids' : 'input_length',
      system: null,
      input_tokens: 'input_length',
      output_tokens: typeof output_length === 'number' ? 'output_length' : null,
    },
  }
}

const LENGTHS = ['input_tokens', 'output_tokens', 'input_length', 'output_length']

/** Lengths as numbers, which a CSV file has as text; an empty field is none. */
function numbersIn(fields: Record<string, unknown>): Record<string, unknown> {
  const texts = LENGTHS.filter((name) => typeof fields[name] === 'string')
  if (texts.length === 0) return fields
  const read = texts.map((name) => {
    const text = String(fields[name]).trim()
    return [name, text === '' ? null : Number(text)]
  })
  return { ...fields, ...Object.fromEntries(read) }
}

function nothingFound(fields: Record<string, unknown>): string {
  const names = Object.entries(fields)
    .slice(0, 5)
    .map(([name, value]) => `${JSON.stringify(name)}${value === null ? ' (null)' : ''}`)
  const has = names.length === 0 ? 'it is empty' : `it has ${names.join(', ')}`
  return `no text in "prompt", "text" or another field that llem knows: ${has}; name it with dataset.column`
}

function wrongValue(value: unknown, name: string): string {
  const isList = Array.isArray(value)
  if (CONVERSATIONS.includes(name) && typeof value === 'string')
    return `${JSON.stringify(name)} is a text and no list of messages; write it as JSON, or call the field "prompt"`
  return isList || typeof value === 'object'
    ? `no message of a user in ${JSON.stringify(name)}`
    : `${JSON.stringify(name)} is no text but ${JSON.stringify(value)}`
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== ''
}
