// A conversation -> what is sent of it: the system's message and the first of the user.

export interface Opening {
  text: string
  /** What the system was told before; null where nothing. */
  system: string | null
}

interface Message {
  role: unknown
  content: unknown
}

/** The beginning of a conversation; null where it has no message of a user. */
export function openingOf(cell: unknown): Opening | null {
  const messages = messagesIn(cell)
  const first = messages.findIndex(({ role }) => role === 'user' || role === 'human')
  const text = first < 0 ? null : textIn(messages[first]?.content)
  if (text === null) return null
  const told = messages
    .slice(0, first)
    .filter(({ role }) => role === 'system' || role === 'developer')
    .flatMap(({ content }) => textIn(content) ?? [])
    .filter((part) => part.trim() !== '')
  return { text, system: told.length === 0 ? null : told.join('\n\n') }
}

/** Whether these are the fields of a message. */
export function isMessage(names: readonly string[]): boolean {
  return (
    (names.includes('role') && names.includes('content')) ||
    (names.includes('from') && names.includes('value'))
  )
}

/** Conversations are lists of messages, or a message of lists as Arrow stores a sequence of structs. */
function messagesIn(cell: unknown): Message[] {
  if (Array.isArray(cell)) return cell.flatMap(messageIn)
  if (typeof cell !== 'object' || cell === null) return []
  const { role, content } = fieldsOf(cell)
  if (!Array.isArray(role) || !Array.isArray(content)) return []
  return role.map((each, place) => ({ role: each, content: content[place] }))
}

function messageIn(message: unknown): Message[] {
  return typeof message === 'object' && message !== null ? [fieldsOf(message)] : []
}

/** {role, content}, or ShareGPT's {from, value}. */
function fieldsOf(message: object): Message {
  const { role, from, content, value } = message as Record<string, unknown>
  return { role: role ?? from, content: content ?? value }
}

/** A message's content is text, or parts of which some are text. */
function textIn(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  const texts = content.map((part) => (part as { text?: unknown } | null)?.text)
  return texts.filter((text) => typeof text === 'string').join('\n')
}
