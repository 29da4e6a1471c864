/** How much text an answer has: what the number of its tokens can be held against. */
export interface TextSize {
  /** UTF-8; a chunk of a token without text has one. */
  bytes: number
  /** What blanks part; 0 in a script that has none. */
  words: number
  /** Of these words, those that began in a piece behind another one: a piece that has such a word is no single token. */
  joints: number
  /** Of these bytes, letters of ASCII. */
  letters: number
  /** Of these bytes, those of characters beyond ASCII, of which one may take several tokens and comes whole. */
  wideBytes: number
}

/** A token is a part of a word, or all of it; this allows for what is called a word and is none, of texts with so many. */
const TOKENS_PER_WORD = 0.8
const LEAST_WORDS = 8

/** The fewest tokens that a text of so many words can have; 0 where it has too few to tell. */
export function fewestTokens(words: number): number {
  return words < LEAST_WORDS ? 0 : Math.ceil(TOKENS_PER_WORD * words)
}

const BLANK = ' '.charCodeAt(0)
const LAST_ASCII = 0x7f
const [A = 0, Z = 0] = ['a', 'z'].map((letter) => letter.charCodeAt(0))
/** The bit by which a letter differs from its capital. */
const LOWER = 0x20

/** Measures a text that comes in pieces, which may cut words. */
export class TextMeasure implements TextSize {
  bytes = 0
  words = 0
  joints = 0
  letters = 0
  wideBytes = 0
  #isInWord = false

  add(piece: string): void {
    const bytes = Buffer.byteLength(piece)
    this.bytes += bytes
    let narrow = 0
    let hasText = false
    for (let at = 0; at < piece.length; at += 1) {
      const unit = piece.charCodeAt(at)
      const isBlank = unit <= BLANK
      if (unit <= LAST_ASCII) narrow += 1
      const lower = unit | LOWER
      if (lower >= A && lower <= Z) this.letters += 1
      if (!isBlank && !this.#isInWord) {
        this.words += 1
        if (hasText) this.joints += 1
      }
      hasText ||= !isBlank
      this.#isInWord = !isBlank
    }
    this.wideBytes += bytes - narrow
  }

  get size(): TextSize {
    const { bytes, words, joints, letters, wideBytes } = this
    return { bytes, words, joints, letters, wideBytes }
  }
}
