import { extname } from 'node:path'
import { z } from 'zod'
import { LlemError, messageOf } from '../../core/errors.js'
import { listedProblems } from '../../core/foreign-text.js'
import { limitedFile, limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import type { Prompt } from './prompt.js'
import { promptIn } from './text-column.js'

const length = z.int().min(1).optional()
// Data sets carry further fields, such as an id or a category; they are let through and ignored.
const entrySchema = z.object({
  prompt: z.string().optional(),
  text: z.string().optional(),
  input_tokens: length,
  output_tokens: length,
})

/**
 * Reads prompts from a .txt file, one a line, or a .jsonl file of strings or of objects with "prompt" or "text", or
 * with the field that is named: text or a conversation. Blank lines are skipped. Throws PROMPTS_INVALID, which names
 * every bad line at once.
 */
export async function readPromptFile(
  path: string,
  field: string | null = null,
): Promise<{ prompts: Prompt[]; column: string | null }> {
  const extension = extname(path).toLowerCase()
  if (extension !== '.txt' && extension !== '.jsonl') {
    throw invalid(
      `prompts come from "builtin" or from a file that ends in .txt, .jsonl or .parquet, not from ${path}`,
    )
  }
  const content = await limitedFile(path, LIMITS.prompt_file_bytes).catch((error) => {
    throw invalid(`the prompts in ${path} cannot be read (${messageOf(error)})`, error)
  })
  const problems: string[] = []
  const prompts = content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((raw, index): Prompt[] => {
      const line = raw.trim()
      if (line === '') return []
      if (line.length > LIMITS.prompt_line_chars) {
        problems.push(`line ${index + 1}: it is longer than ${LIMITS.prompt_line_chars} characters`)
        return []
      }
      if (extension === '.txt') return [{ text: line }]
      const prompt = parseLine(line, field)
      if (typeof prompt !== 'string') return [prompt]
      problems.push(`line ${index + 1}: ${prompt}`)
      return []
    })
  if (problems.length > 0)
    throw invalid(`${path} has ${problems.length} bad lines:\n${listedProblems(problems)}`)
  if (prompts.length === 0) throw invalid(`${path} has no prompts`)
  return { prompts, column: extension === '.txt' ? null : field }
}

/** The prompt of a JSON line, or what is wrong with it. */
function parseLine(line: string, field: string | null): Prompt | string {
  let value: unknown
  try {
    value = limitedJson(line)
  } catch (error) {
    return `no JSON (${messageOf(error)})`
  }
  const entry = entrySchema.safeParse(typeof value === 'string' ? { text: value } : value)
  if (!entry.success) {
    return entry.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; ')
  }
  const text = field === null ? (entry.data.prompt ?? entry.data.text) : fieldIn(value, field)
  if (text === undefined)
    return field === null ? 'neither "prompt" nor "text"' : `no text in ${JSON.stringify(field)}`
  if (text.trim() === '') return 'the prompt is empty'
  const { input_tokens, output_tokens } = entry.data
  return {
    text,
    ...(input_tokens !== undefined && { input_tokens }),
    ...(output_tokens !== undefined && { output_tokens }),
  }
}

/** The text of a field, or the first message of a user in it. */
function fieldIn(value: unknown, field: string): string | undefined {
  const cell =
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[field] : undefined
  return typeof cell === 'string' ? cell : (promptIn(cell) ?? undefined)
}

function invalid(message: string, cause?: unknown): LlemError {
  return new LlemError(message, {
    code: 'PROMPTS_INVALID',
    hint:
      (cause as NodeJS.ErrnoException | undefined)?.code === 'ENOENT'
        ? 'Correct the path in `prompts`, which is relative to the folder that llem runs in.'
        : 'A line of a .jsonl file is {"prompt": "..."} or "..."; a line of a .txt file is a prompt.',
    kind: 'usage',
    cause,
  })
}
