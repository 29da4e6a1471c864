import { StringDecoder } from 'node:string_decoder'
import { longestSecret, mask, rangesIn, withoutBeginning } from './secrets.js'

/** A line longer than this is passed on in parts. */
const LONGEST_LINE = 64 * 1024
/** What looks like a secret is hardly longer. */
const LONGEST_SHAPE = 512

/**
 * Takes the secrets out of what a child writes, also where a secret comes in several pieces: a line is passed on once it
 * is whole, and of an endless one all but as much as a secret may still need.
 */
export class SecretStream {
  readonly #decoder = new StringDecoder('utf8')
  #held = ''

  /** What can be passed on now. */
  push(chunk: Buffer): string {
    this.#held += this.#decoder.write(chunk)
    let cut = this.#held.lastIndexOf('\n') + 1
    if (this.#held.length - cut > LONGEST_LINE) cut = this.#safeCut()
    const whole = this.#held.slice(0, cut)
    this.#held = this.#held.slice(cut)
    return mask(whole)
  }

  /** What is not a whole line yet. */
  get rest(): string {
    return withoutBeginning(mask(this.#held))
  }

  /** The last place where no secret is that has begun. */
  #safeCut(): number {
    const cut = Math.max(0, this.#held.length - Math.max(longestSecret(), LONGEST_SHAPE))
    const across = rangesIn(this.#held).find(({ start, end }) => start < cut && end > cut)
    // One that begins where the text does is masked whole, as far as it goes.
    return across === undefined ? cut : across.start > 0 ? across.start : across.end
  }
}
