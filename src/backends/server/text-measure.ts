/** How much text an answer has: what the number of its tokens can be held against. */
export interface TextSize {
  /** UTF-8; a chunk of a token without text has one. */
  bytes: number
  /** What blanks part; 0 in a script that has none. */
  words: number
}

const BLANK = ' '.charCodeAt(0)

/** Measures a text that comes in pieces, which may cut words. */
export class TextMeasure implements TextSize {
  bytes = 0
  words = 0
  #isInWord = false

  add(piece: string): void {
    this.bytes += Buffer.byteLength(piece)
    for (let at = 0; at < piece.length; at += 1) {
      const isBlank = piece.charCodeAt(at) <= BLANK
      if (!isBlank && !this.#isInWord) this.words += 1
      this.#isInWord = !isBlank
    }
  }

  get size(): TextSize {
    return { bytes: this.bytes, words: this.words }
  }
}
