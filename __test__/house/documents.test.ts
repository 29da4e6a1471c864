import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './sources.js'

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].sort()
const textOf = (page: string) => readFileSync(join(root, page), 'utf8')
const withoutCode = (text: string) => text.replaceAll(/^ *```.*?^ *```$/gms, '')

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading)
  return new Set(headings.map(anchorOf))
}

function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/** Each link of a page to a file or a heading of this repository that is not there. */
function brokenLinks(page: string, text: string): string[] {
  const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return links.filter((target) => !/^[a-z]+:/.test(target)).filter((target) => !isThere(page, target))
}

function isThere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : relative(root, join(root, dirname(page), path))
  if (!existsSync(join(root, file))) return false
  return anchor === undefined || anchorsOf(textOf(file)).has(anchor)
}

/** What stands in backticks and begins with a folder of this repository. */
function missingPaths(text: string): string[] {
  const named = [...withoutCode(text).matchAll(/`([^`\s]+)`/g)].map(([, path = '']) => path)
  return named
    .filter((path) => /^(src|crates|docs|bench|scripts|python|__test__|examples|bin|npm)\//.test(path))
    .filter((path) => !/[*<>{}]|[A-Z]{3,}/.test(path) || existsSync(join(root, path)))
    .filter((path) => !existsSync(join(root, path.replace(/:\d+$/, ''))))
}

describe('the documents', () => {
  it.each(['README.md', 'ARCHITECTURE.md'])('%s has at most 150 lines', (page) => {
    expect(textOf(page).trimEnd().split('\n').length).toBeLessThanOrEqual(150)
  })

  it.each(pages)('%s links to nothing that is not there', (page) => {
    expect(brokenLinks(page, textOf(page))).toEqual([])
  })

  it.each(pages.filter((page) => page !== 'CHANGELOG.md'))('%s names no file that is not there', (page) => {
    expect(missingPaths(textOf(page))).toEqual([])
  })

  it('the pages of docs/decisions are all in its table', () => {
    const listed = [...textOf('docs/decisions/README.md').matchAll(/^\| \[([a-z-]+\.md)\]/gm)].map(
      ([, page]) => page,
    )
    const there = readdirSync(join(root, 'docs/decisions')).filter((name) => name !== 'README.md')
    expect(listed.sort()).toEqual(there.sort())
  })

  it('the pages of docs/guide are all in its table', () => {
    const listed = [...textOf('docs/guide/README.md').matchAll(/^\| \[[^\]]+\]\(([a-z-]+\.md)\)/gm)].map(
      ([, page]) => page,
    )
    const there = readdirSync(join(root, 'docs/guide')).filter((name) => name !== 'README.md')
    expect(listed.sort()).toEqual(there.sort())
  })
})

describe("a newcomer's questions", () => {
  const [, table = ''] = textOf('docs/guide/README.md').split('## Questions')
  const rows = [...table.matchAll(/^\| (.+\?) \| (.+) \|$/gm)].map(([, question = '', answer = '']) => ({
    question,
    answer,
  }))

  it('are at least twenty, in a page that README links to', () => {
    expect(rows.length).toBeGreaterThanOrEqual(20)
    expect(textOf('README.md')).toContain('](docs/guide/README.md)')
  })

  it.each(rows)('$question is answered by a link', ({ answer }) => {
    expect(answer).toMatch(/\]\([^)]+\)/)
    expect(brokenLinks('docs/guide/README.md', answer)).toEqual([])
  })
})

describe('the checks', () => {
  it('see a broken link, a missing heading and a missing file', () => {
    const text =
      'See [a](no-such.md), [b](#no-such) and [c](README.md#install), `src/no/such.ts` and `src/index.ts`.'
    expect(brokenLinks('README.md', text)).toEqual(['no-such.md', '#no-such'])
    expect(missingPaths(text)).toEqual(['src/no/such.ts'])
  })
})
