// What the rows of the zoo are made of. A script is a list: a number waits so many milliseconds, a text is a packet, a part
// is a packet that holds a token or the reason of the end, and a deed does something to the connection.

/** A packet with a token. */
export const token = (text) => ({ token: text })
/** A packet in which the answer ends, though no token is in it. */
export const end = (text) => ({ end: text })
/** Keeps the connection open for so long. */
export const hold = (ms) => ({ hold: ms })
/** Breaks it off. */
export const breakOff = { breakOff: true }

export const event = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`
export const DONE = event('[DONE]')
export const WORDS = ['The ', 'energy ', 'of ', 'a ', 'token ', 'is ', 'not ', 'free']
export const COUNT = WORDS.length

const HEAD = { id: 'c-1', created: 1, model: 'zoo' }

/** A chunk of /v1/completions. */
export const text = (said, more = {}) =>
  event({
    ...HEAD,
    object: 'text_completion',
    choices: [{ index: 0, text: said, finish_reason: null, ...more }],
  })
/** A chunk of /v1/chat/completions. */
export const chat = (delta, more = {}) =>
  event({
    ...HEAD,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: null, ...more }],
  })
/** The chunk that only counts. */
export const usage = (prompt_tokens, completion_tokens, more = {}) =>
  event({
    ...HEAD,
    choices: [],
    usage: { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens, ...more },
  })

/** So many tokens, one every `gapMs`, each as `make` makes it of its text and number. */
export const spoken = (make, { gapMs = 10, firstMs = 25, count = COUNT } = {}) =>
  Array.from({ length: count }, (_, at) => [
    at === 0 ? firstMs : gapMs,
    token(make(WORDS[at % COUNT], at)),
  ]).flat()

export const texts = spoken((word) => text(word))
export const chats = spoken((content) => chat({ content }))
export const stops = end(chat({}, { finish_reason: 'stop' }))
export const lengthEnds = end(text('', { finish_reason: 'length' }))

/** When the first token, and the last token or the reason of the end, are sent, milliseconds. */
export function momentsOf(script) {
  let nowMs = 0
  let firstMs = null
  let lastMs = null
  for (const part of script) {
    if (typeof part === 'number') nowMs += part
    else if (part.token !== undefined) {
      firstMs ??= nowMs
      lastMs = nowMs
    } else if (part.end !== undefined) lastMs = nowMs
  }
  return { firstMs, lastMs }
}
