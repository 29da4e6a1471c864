// The page as a reader meets it: in a browser, on a phone and on a desk, by day and by night.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { llem } from '../native/llem.js'
import { scratchFolder, textFile } from '../native/scenario.js'
import { placed } from '../results/fixtures.js'
import { atNight } from '../setup/at-night.js'
import { accessibilityProblems, chromiumPath, openBrowser, openPage } from './browser.js'
import { made } from './made-results.js'

const NAMES = [
  'small model',
  '<script>alert(1)</script>',
  '=HYPERLINK("http://example.org")',
  'in turn\u001b[31m\u202egnirts',
]
const REFERENCES = textFile(
  'points.csv',
  'name,energy_per_output_token_j,output_tokens_per_s,ttft_p50_ms,source\n<img src=x onerror=alert(2)>,0.4,900,25,a table\n',
)

/** Several configurations with two runs each, a simulated one, a command, and a run that did not end well. */
function results(): string {
  const folder = scratchFolder()
  for (const [at, name] of NAMES.entries())
    for (const run of [1, 2])
      made(join(folder, `run-${at}-${run}`), {
        name,
        hash: `hash-${at}`,
        joulesPerToken: 0.5 + 0.1 * at + 0.01 * run,
        tokensPerSecond: 500 + 300 * at,
        ttftMs: 20 + 10 * at,
        seconds: 300,
        requests: 500,
        ...{ spikeAt: 100, throttledAt: 200, gapAt: 250 },
      })
  made(join(folder, 'simulated'), { name: 'simulated one', simulated: true })
  placed('exec', join(folder, 'exec'))
  placed('incomplete', join(folder, 'incomplete'))
  return folder
}

async function reportOf(folder: string, ...args: string[]): Promise<string> {
  const path = join(scratchFolder(), 'report.html')
  const { code, stderr } = await llem(['report', folder, '-o', path, ...args])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return path
}

let browser: Browser | null = null
let path = ''
beforeAll(async () => {
  path = await reportOf(results(), '--reference-points', REFERENCES)
  if (chromiumPath() !== null) browser = await openBrowser()
})
afterAll(() => browser?.close())
function opened(context: TestContext): Browser {
  if (browser === null) context.skip('there is no chromium (scripts/setup-debian.sh installs it)')
  return browser
}

/** What a reader sees of it: neither scripts nor what is folded. */
function visibleText(place: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: textContent has the scripts and what is folded too
  return place.innerText()
}

const VIEWS = [390, 1440].flatMap((width) =>
  (['light', 'dark'] as const).map((scheme) => ({ width, scheme })),
)

describe('the page', { timeout: 60_000 }, () => {
  it.each(VIEWS)(
    'at $width px, $scheme: complains of nothing, asks nobody, is accessible, has everything',
    async ({ width, scheme, ...context }) => {
      const { page, complaints, requests } = await openPage(opened(context as unknown as TestContext), path, {
        width,
        scheme,
      })
      // The timelines are drawn where a reader comes by.
      for (const figure of await page.locator('details[open] .timeline').all())
        await figure.scrollIntoViewIfNeeded()
      await page.locator('.live canvas').first().waitFor()
      expect(await accessibilityProblems(page)).toEqual([])
      expect({ complaints, requests }).toEqual({ complaints: [], requests: [] })
      const text = await visibleText(page.locator('main'))
      for (const name of [
        'small model',
        '<script>alert(1)</script>',
        '=HYPERLINK("http://example.org")',
        'in turn\\u{1b}[31m\\u{202e}gnirts',
        'simulated one',
        'sleep 0.6',
        '<img src=x onerror=alert(2)>',
      ])
        expect(text).toContain(name)
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
      ).toBeLessThanOrEqual(0)
      await page.close()
    },
  )

  it('shows what a point is to a mouse and to a keyboard, and hides it again', async (context) => {
    const { page } = await openPage(opened(context), path, { width: 1440, scheme: 'light' })
    const point = page.locator('.point:not(.other)').first()
    const tip = page.locator('#tip')
    await point.hover()
    expect(await visibleText(tip)).toMatch(/small model: .*J\/output token/)
    await page.mouse.move(0, 0)
    expect(await tip.isHidden()).toBe(true)
    await point.focus()
    expect(await tip.isVisible()).toBe(true)
    await page.keyboard.press('Escape')
    expect(await tip.isHidden()).toBe(true)
    await page.close()
  })

  it('sorts its table by a head, with what is unknown at the end', async (context) => {
    const { page } = await openPage(opened(context), path, { width: 1440, scheme: 'light' })
    const head = page.locator('.sortable thead th', { hasText: 'Throughput' })
    const column = async () => {
      const at = await head.evaluate((cell) => (cell as HTMLTableCellElement).cellIndex)
      const cells = await page.locator(`.sortable tbody tr > :nth-child(${at + 1})`).allInnerTexts()
      return cells.map((cell) => cell.trim())
    }
    await head.locator('button').focus()
    await page.keyboard.press('Enter')
    const up = await column()
    await page.keyboard.press('Enter')
    const down = await column()
    const known = up.filter((cell) => cell !== '–').map(Number)
    expect(known).toEqual([...known].sort((a, b) => a - b))
    expect(known.length).toBeGreaterThan(3)
    expect(up.at(-1)).toBe('–')
    expect(down.at(-1)).toBe('–')
    expect(down.filter((cell) => cell !== '–').map(Number)).toEqual(known.reverse())
    expect(await head.getAttribute('aria-sort')).toBe('descending')
    await page.close()
  })

  it('moves along a timeline and zooms by the keyboard, and says what is there', async (context) => {
    const { page } = await openPage(opened(context), path, { width: 1440, scheme: 'light' })
    const live = page.locator('.live').first()
    await page.locator('.timeline').first().scrollIntoViewIfNeeded()
    await page.locator('.live canvas').first().waitFor()
    await live.focus()
    for (let press = 0; press < 3; press++) await page.keyboard.press('ArrowRight')
    const readout = page.locator('.readout').first()
    await expect
      .poll(() => visibleText(readout))
      .toMatch(/^\d+\.\d+ s: power [\d.]+ W, requests in flight \d+/)
    await page.keyboard.press('End')
    await expect.poll(() => visibleText(readout)).toMatch(/^29\d/)
    await page.keyboard.press('+')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('0')
    await page.keyboard.press('Home')
    await expect.poll(() => visibleText(readout)).toMatch(/^0\.\d+ s/)
    await page.close()
  })

  it('is readable with text twice as large, without a part that is cut off', async (context) => {
    const { page } = await openPage(opened(context), path, { width: 720, scheme: 'light' })
    const smallest = await page.evaluate(() => {
      const sizes = [...document.querySelectorAll('main *')]
        .filter(
          (each) =>
            each.childNodes.length > 0 &&
            [...each.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim() !== ''),
        )
        .filter((each) => !['SCRIPT', 'STYLE'].includes(each.tagName))
        .map((each) => Number.parseFloat(getComputedStyle(each).fontSize))
      return Math.min(...sizes)
    })
    // A window of 1440 px at 200 % is one of 720.
    expect(smallest).toBeGreaterThanOrEqual(12)
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(
      0,
    )
    await page.close()
  })

  it('prints every timeline, folded or not, as a still drawing', async (context) => {
    const { page } = await openPage(opened(context), path, { width: 1440, scheme: 'light' })
    await page.emulateMedia({ media: 'print' })
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')))
    const stills = page.locator('.still')
    expect(await stills.count()).toBe(2 * NAMES.length)
    for (const still of await stills.all()) expect(await still.isVisible()).toBe(true)
    expect(await page.locator('nav').isHidden()).toBe(true)
    await page.close()
  })

  atNight(
    'has 100 runs of an hour within 10 MB, open with 2 s of computing',
    {
      timeout: 120_000,
    },
    async (context) => {
      const folder = scratchFolder()
      for (let run = 0; run < 100; run++)
        made(join(folder, `run-${String(run).padStart(3, '0')}`), {
          name: `configuration ${run}`,
          joulesPerToken: 0.3 + run / 100,
          tokensPerSecond: 100 + run,
          seconds: 3600,
          requests: 2000,
          ...{ spikeAt: 1234, throttledAt: 2000, gapAt: 3000 },
        })
      const large = await reportOf(folder)
      expect(statSync(large).size).toBeLessThan(10e6)
      const { page, openedCpuS, complaints } = await openPage(opened(context), large, {
        width: 1440,
        scheme: 'light',
      })
      expect(complaints).toEqual([])
      expect(openedCpuS).toBeLessThan(2)
      // How long a person waits depends on the machine's load: it is told, and the computing is what must hold.
      const loadedMs = await page.evaluate(
        () => (performance.getEntriesByType('navigation')[0] as PerformanceNavigationTiming).loadEventEnd,
      )
      console.info(
        `100 runs of an hour: ${statSync(large).size} bytes, loaded after ${loadedMs.toFixed(0)} ms, ${openedCpuS.toFixed(2)} s of CPU`,
      )
      expect(await page.locator('.timeline').count()).toBe(100)
      await page.close()
    },
  )
})
