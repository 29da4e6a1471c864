import { leavesOf, type Tree } from '../config/tree.js'

/** Longer values are cut to where they differ. */
const LONG_VALUE = 12

/** What was written for one key. */
interface Written {
  key: string
  text: string
}

/** How often a key was written, and as what. */
interface Key {
  path: readonly string[]
  texts: Set<string>
  count: number
}

/** What distinguishes experiments, in words: for each the keys that were written for it, but backend and model. */
export class Differences {
  readonly #written: Written[][]
  readonly #keys = new Map<string, Key>()
  readonly #labels: ReadonlyMap<string, string>
  readonly #cuts = new Map<string, (text: string) => string>()

  constructor(owns: readonly Tree[]) {
    this.#written = owns.map((own) => this.#learn(own))
    this.#labels = labelsOf([...this.#keys.values()].map(({ path }) => path))
  }

  /** Every key that was written for an experiment, as `key=value`. */
  whole(index: number): string[] {
    return (this.#written[index] ?? []).map(({ key, text }) => `${this.#labels.get(key)}=${text}`)
  }

  /** Only those in which experiments differ, and of long values the part that does. */
  short(index: number): string[] {
    return (this.#written[index] ?? [])
      .filter(({ key }) => this.#differs(key))
      .map(({ key, text }) => `${this.#labels.get(key)}=${this.#cutter(key)(text)}`)
  }

  #learn(own: Tree): Written[] {
    const written: Written[] = []
    for (const [path, value] of leavesOf(own)) {
      if (path[0] === 'backend' || path[0] === 'model') continue
      const key = path.join('.')
      const text = typeof value === 'string' ? value : JSON.stringify(value)
      const known = this.#keys.get(key) ?? { path, texts: new Set(), count: 0 }
      known.texts.add(text)
      known.count += 1
      this.#keys.set(key, known)
      written.push({ key, text })
    }
    return written
  }

  #differs(key: string): boolean {
    const { texts, count } = this.#keys.get(key) as Key
    return texts.size > 1 || count < this.#written.length
  }

  #cutter(key: string): (text: string) => string {
    let cut = this.#cuts.get(key)
    if (cut === undefined) {
      cut = cutterOf([...(this.#keys.get(key) as Key).texts])
      this.#cuts.set(key, cut)
    }
    return cut
  }
}

/** The last word of a key, and those before it where others end alike. */
function labelsOf(paths: readonly (readonly string[])[]): Map<string, string> {
  const ends = new Map<string, number>()
  const endsOf = (path: readonly string[]) => path.map((_, from) => path.slice(from).join('.'))
  for (const path of paths) for (const end of endsOf(path)) ends.set(end, (ends.get(end) ?? 0) + 1)
  return new Map(
    paths.map((path) => {
      const shortest = endsOf(path).findLast((end) => ends.get(end) === 1)
      return [path.join('.'), shortest ?? path.join('.')]
    }),
  )
}

/** Takes off what all texts begin and end with, by whole words, where any of them is long. */
function cutterOf(texts: readonly string[]): (text: string) => string {
  const [first = '', ...others] = texts
  if (others.length === 0 || texts.every(({ length }) => length <= LONG_VALUE)) return (text) => text
  const shortest = Math.min(...texts.map(({ length }) => length))
  let head = 0
  while (head < shortest && others.every((text) => text[head] === first[head])) head += 1
  while (head > 0 && isWord(first[head - 1])) head -= 1
  let tail = 0
  const fromEnd = (text: string) => text[text.length - 1 - tail]
  while (tail < shortest - head && others.every((text) => fromEnd(text) === fromEnd(first))) tail += 1
  while (tail > 0 && isWord(first[first.length - tail])) tail -= 1
  return (text) => text.slice(head, text.length - tail) || text
}

function isWord(char: string | undefined): boolean {
  return char !== undefined && /[\p{L}\p{N}]/u.test(char)
}
