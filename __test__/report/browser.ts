/// <reference lib="dom" />

// Chromium without a screen, for the pages that llem makes.

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'

/** The system's Chromium (scripts/setup-debian.sh); null where there is none. */
export function chromiumPath(): string | null {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const paths = folders.flatMap((folder) =>
    ['chromium', 'chromium-browser', 'google-chrome'].map((name) => join(folder, name)),
  )
  return paths.find((path) => existsSync(path)) ?? null
}

export async function openBrowser(): Promise<Browser> {
  // As root, which CI is, Chromium has no sandbox; the pages are our own.
  return chromium.launch({
    executablePath: chromiumPath() ?? '',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
}

export interface Opened {
  page: Page
  /** What went wrong in it: errors and warnings of the console, and exceptions. */
  complaints: string[]
  /** Everything that it asked for, but itself. */
  requests: string[]
  /** What the page's process computed until it was seen: the wait, on a machine that does nothing else. */
  openedCpuS: number
}

/** Opens a file in a window of this size. */
export async function openPage(
  browser: Browser,
  path: string,
  options: { width: number; scheme: 'light' | 'dark' },
): Promise<Opened> {
  const page = await browser.newPage({
    viewport: { width: options.width, height: 900 },
    colorScheme: options.scheme,
  })
  const complaints: string[] = []
  const requests: string[] = []
  const url = pathToFileURL(path).href
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('request', (request) => {
    if (request.url() !== url) requests.push(request.url())
  })
  const before = await cpuSeconds(browser)
  await page.goto(url)
  // Two frames: what can be seen is drawn.
  await page.evaluate(
    () => new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(() => seen(null)))),
  )
  return { page, complaints, requests, openedCpuS: (await cpuSeconds(browser)) - before }
}

async function cpuSeconds(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession()
  const { processInfo } = await session.send('SystemInfo.getProcessInfo')
  await session.detach()
  const renderers = processInfo.filter(({ type }) => type === 'renderer')
  return renderers.reduce((sum, { cpuTime }) => sum + cpuTime, 0)
}

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds, as "rule: target". Injected over the debugger, which the page's policy does not bind. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(): Promise<{
          violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[]
        }>
      }
    }
    const { violations } = await axe.run()
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    )
  })
}
