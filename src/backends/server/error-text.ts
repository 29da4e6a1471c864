import { limitedJson } from '../../core/limited.js'

const NAMES = ['error', 'message', 'msg', 'detail', 'error_description', 'reason'] as const
/** Errors within errors. */
const MAX_DEPTH = 5

/**
 * The words of an error: in OpenAI's shape, of FastAPI's `detail`, flat as vLLM's older ones, in a list of errors; with
 * what whoever was asked behind a gateway said. Null where there are none.
 */
export function errorText(body: unknown, depth = 0): string | null {
  if (typeof body !== 'object' || body === null || depth > MAX_DEPTH) return null
  if (Array.isArray(body)) return errorText(body[0], depth + 1)
  const fields = body as Record<string, unknown>
  const { error, errors, detail } = fields
  if (typeof error === 'object' && error !== null) return errorText(error, depth + 1)
  if (Array.isArray(errors) && errors.length > 0)
    return typeof errors[0] === 'string' ? errors[0] : errorText(errors[0], depth + 1)
  const text = NAMES.map((name) => fields[name]).find((value) => typeof value === 'string' && value !== '')
  if (typeof text === 'string') return withCause(text, fields)
  if (detail !== undefined && detail !== null) return JSON.stringify(detail)
  const { message } = fields
  return typeof message === 'object' && message !== null ? errorText(message, depth + 1) : null
}

/** The words of an error in a text: as JSON, maybe framed as an event, else the text itself. */
export function errorTextOf(text: string): string {
  const unframed = text.trim().replace(/^(?:event:[^\n]*\s+)?(?:data|error):\s*/, '')
  try {
    return errorText(limitedJson(unframed)) ?? unframed
  } catch {
    return unframed
  }
}

/** OpenRouter: "Provider returned error", and in `metadata` what it was. */
function withCause(text: string, { metadata, param }: Record<string, unknown>): string {
  // OpenAI names the key beside the words.
  if (typeof param === 'string' && param !== '' && !text.includes(param)) return `${text} (${param})`
  const raw =
    typeof metadata === 'object' && metadata !== null ? (metadata as { raw?: unknown }).raw : undefined
  return typeof raw === 'string' && raw !== '' ? `${text}: ${errorTextOf(raw)}` : text
}
