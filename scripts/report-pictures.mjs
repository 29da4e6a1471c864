#!/usr/bin/env node
// Makes docs/report-desk.png and docs/report-phone.png: a campaign of a tiny random model beside a simulated GPU, its report,
// and what Chromium shows of it.  node scripts/report-pictures.mjs [FOLDER of a campaign that was made before]
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('..', import.meta.url))
const llem = (...args) =>
  execFileSync(process.execPath, [join(root, 'bin/llem.js'), ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })

const SCENARIO = {
  version: 2,
  devices: [
    {
      name: 'NVIDIA H100 80GB HBM3',
      memory_total_mib: 81559,
      power_limit_w: 700,
      power: {
        segments: [
          { for_s: 8, w: 72 },
          ...Array.from({ length: 400 }, (_, k) => [
            { for_s: 0.6, w: 640 - 20 * (k % 3) },
            { for_s: 2.4, square: { low_w: 400, high_w: 450, period_s: 0.8, duty: 0.5 } },
          ]).flat(),
        ],
      },
      sensor: { update_period_ms: 100, window_ms: 25, noise_w: 5, seed: 1 },
      temperature_c: { base: 34, per_100_w: 7 },
    },
  ],
}
const campaign = (model, folder) => `
campaign_name: lengths
model: ${model}
n_prompts: 100
llamacpp: { gpu: none, threads: 1 }
generation: { ignore_eos: true }
baseline: { duration_sec: 5 }
warmup: { convergence_detection: false, n_warmup: 2, thermal_floor_seconds: 0 }
grid:
  shared:
    "prompts.synthetic":
      - { input_len: 64, output_len: 64 }
      - { input_len: 64, output_len: 256 }
      - { input_len: 512, output_len: 64 }
      - { input_len: 512, output_len: 256 }
execution: { cycles: 3, structure: interleaved, config_gap_seconds: 0, cycle_gap_seconds: 0 }
io: { results_dir: ${folder} }
`

const scratch = mkdtempSync(join(tmpdir(), 'llem-report-pictures-'))
try {
  const results = process.argv[2] ?? measured()
  const page = join(scratch, 'report.html')
  llem('report', results, '-o', page)
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path))
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  await picture(browser, page, {
    width: 1200,
    height: 1180,
    scheme: 'light',
    at: 'body',
    to: 'report-desk.png',
  })
  await picture(browser, page, {
    width: 390,
    height: 1180,
    scheme: 'dark',
    at: '#c1',
    to: 'report-phone.png',
  })
  await browser.close()
} finally {
  rmSync(scratch, { recursive: true })
}

function measured() {
  const model = join(scratch, 'tiny-random.gguf')
  execFileSync(process.execPath, [join(root, 'scripts/make-tiny-model.mjs'), model], { stdio: 'ignore' })
  writeFileSync(join(scratch, 'gpu.json'), JSON.stringify(SCENARIO))
  writeFileSync(join(scratch, 'lengths.yaml'), campaign(model, join(scratch, 'results')))
  llem('campaign', join(scratch, 'lengths.yaml'), '--yes', '-q', '--simulate', join(scratch, 'gpu.json'))
  return join(scratch, 'results')
}

async function picture(browser, path, { width, height, scheme, at, to }) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme })
  await page.goto(pathToFileURL(path).href)
  await page.locator(at).evaluate((part) => part.scrollIntoView())
  await page.waitForTimeout(500)
  const file = join(root, 'docs', to)
  await page.screenshot({ path: file })
  // A palette of 64 colours is enough for what is mostly paper.
  execFileSync('python3', [
    '-c',
    'import sys; from PIL import Image; i = Image.open(sys.argv[1]).convert("RGB").quantize(64); i.save(sys.argv[1], optimize=True)',
    file,
  ])
}
