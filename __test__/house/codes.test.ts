import { describe, expect, it } from 'vitest'
import { FINDINGS } from '../../dist/findings/catalogue.js'
import { ERRORS } from '../../dist/findings/errors.js'
import { rustFiles, sourceFiles } from './sources.js'

/** The meanings of what the meter finds, in Rust. */
const OF_METER = 'findings/of-meter.ts'

const code = [...sourceFiles(), ...rustFiles('meter'), ...rustFiles('binding')]
  .filter(({ path }) => !/^findings\/|tests?\.rs$|^src\/replay\//.test(path))
  .map(({ code: text }) => text)

function found(...patterns: RegExp[]): string[] {
  const all = code.flatMap((text) => patterns.flatMap((pattern) => [...text.matchAll(pattern)]))
  return [...new Set(all.map(([, name = '']) => name))].sort()
}

describe('every code that llem can say', () => {
  it('of a finding is explained, and no other', () => {
    const said = found(
      /\b(?:warning|found|note|ofGpu|add)\(\s*["']([a-z]+(?:_[a-z0-9]+)+)["']/g,
      /\bcode: ["']([a-z]+(?:_[a-z0-9]+)+)["']/g,
      /=> \(\s*"([a-z]+(?:_[a-z0-9]+)+)",/g,
      /=> \{\s*\("([a-z]+(?:_[a-z0-9]+)+)",/g,
      // A line of `measurement_warnings`.
      /[`']([a-z]+(?:_[a-z0-9]+)+): (?!\[)/g,
    )
    expect(Object.keys(FINDINGS).sort()).toEqual(said)
  })

  it('of a finding is explained where it is said, so that a new one touches one file', () => {
    const elsewhere = sourceFiles().flatMap(({ path, code: text }) => {
      const [before = '', table] = text.split('export const MEANINGS: Meanings = {')
      const explained = [...(table ?? '').matchAll(/^ {2}([a-z]\w+): \{$/gm)].map(([, name = '']) => name)
      return path === OF_METER
        ? []
        : explained
            .filter((name) => !new RegExp(`['\`]${name}['\`:]`).test(before))
            .map((name) => [path, name])
    })
    expect(elsewhere).toEqual([])
    // What Rust says is explained in TypeScript: `llem explain` works without the addon.
    const tables = sourceFiles().filter(({ code: text }) => text.includes('MEANINGS: Meanings = {'))
    const listed = sourceFiles().find(({ path }) => path === 'findings/catalogue.ts')?.code ?? ''
    for (const { path } of tables)
      expect(listed).toContain(path.replace(/^findings\//, './').replace(/\.ts$/, '.js'))
  })

  it('of an error is explained', () => {
    const said = found(/\bcode: '([A-Z]+(?:_[A-Z]+)*)'/g, /\[([A-Z]+(?:_[A-Z]+)+)\]\\n/g)
    expect(said.filter((each) => !(each in ERRORS))).toEqual([])
    expect(said.length).toBeGreaterThan(80)
  })
})

describe('every explanation', () => {
  it('is made of sentences', () => {
    const texts = Object.values(FINDINGS).flatMap(({ meaning, evidence, advice }) => [
      meaning,
      evidence,
      advice,
    ])
    const sentences = [...texts, ...Object.values(ERRORS)].filter((text) => text !== null)
    expect(
      sentences.filter((text) => !/^(?:[A-Z`]|samples|requests|result|llem |npm ).*[.:]$/.test(text)),
    ).toEqual([])
  })
})
