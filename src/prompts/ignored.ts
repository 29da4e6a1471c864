// What of an entry is not sent, so that a person hears of it: parts that are no text, and limits of another program.

/** Kinds of what is left out. */
export const IGNORED = ['parts', 'limits', 'settings'] as const
export type Ignored = (typeof IGNORED)[number]

const PARTS = ['image', 'images', 'image_url', 'image_urls', 'audio', 'audios', 'video', 'videos']
const LIMITS_OF_OTHERS = [
  'max_tokens',
  'max_completion_tokens',
  'max_new_tokens',
  'max_output_tokens',
  'output_len',
]
/** How a request would be answered, which the configuration says for all. */
const SETTINGS = [
  'tools',
  'tool_choice',
  'functions',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'seed',
  'response_format',
]
/** Where messages may be; of a conversation the parts of all messages before the first answer are few enough to look at. */
const CONVERSATIONS = ['messages', 'conversations', 'conversation', 'prompt', 'content']

/** What of an entry, or of the request in its `body`, is left out. */
export function ignoredIn(fields: Record<string, unknown>): Ignored[] {
  const inner = fields.body ?? fields.payload
  const all = isMapping(inner) ? [fields, inner] : [fields]
  const has = (names: readonly string[]) => all.some((each) => names.some((name) => isThere(each[name])))
  const isSeen = all.some((each) => CONVERSATIONS.some((name) => hasOtherParts(each[name])))
  return [
    ...(has(PARTS) || isSeen ? (['parts'] as const) : []),
    ...(has(LIMITS_OF_OTHERS) ? (['limits'] as const) : []),
    ...(has(SETTINGS) ? (['settings'] as const) : []),
  ]
}

/** The sentences for so many prompts of a source. */
export function ignoredNotes(source: string, ignored: readonly (readonly Ignored[] | undefined)[]): string[] {
  const count = (kind: Ignored) => ignored.filter((each) => each?.includes(kind)).length
  const [parts, limits, settings] = [count('parts'), count('limits'), count('settings')]
  return [
    ...(parts === 0
      ? []
      : [
          `${parts} prompts of ${source} have images or other parts that are no text; only their text is sent`,
        ]),
    ...(limits === 0
      ? []
      : [
          `${limits} prompts of ${source} have a limit of their own (such as max_tokens), which is not taken: generation.max_tokens holds for all, and \`output_tokens\` in an entry fixes the length of its answer`,
        ]),
    ...(settings === 0
      ? []
      : [
          `${settings} prompts of ${source} have settings of a request (such as tools or temperature), which are not sent: \`generation\` holds for all, and extra_body of a server's group takes what it does not have`,
        ]),
  ]
}

/** A content is a list of parts, in a message of a list or by itself. */
function hasOtherParts(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  return value.some(
    (each) =>
      isMapping(each) &&
      (isOtherPart(each) || (Array.isArray(each.content) && each.content.some(isOtherPart))),
  )
}

function isOtherPart(part: unknown): boolean {
  return isMapping(part) && typeof part.type === 'string' && /image|audio|video|file/.test(part.type)
}

function isThere(value: unknown): boolean {
  return (
    value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
  )
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
