// The parts of the page, in the order of the page; a part of which there is nothing is null.

import { stringify } from 'yaml'
import { energyBars } from './chart-bars.js'
import { plane } from './chart-plane.js'
import { timeline } from './chart-timeline.js'
import { type Configuration, valueText } from './configurations.js'
import { breakable, html, lines, type Markup } from './markup.js'
import { METHOD } from './method.js'
import { count, duration, plusMinus, UNKNOWN } from './numbers.js'
import { PLANES } from './planes.js'
import { comparable, type Report } from './report.js'
import type { Run } from './runs.js'
import { citationOf, energyOf, headlineOf, howSure, sentencesOf } from './sentences.js'
import { splitRow } from './split.js'
import { configurationTable, marks } from './table.js'

/** So many timelines are open from the beginning. */
const OPEN_RUNS = 4

/** The number to quote, and what to know of it. */
export function headline(report: Report): Markup {
  const found = headlineOf(report)
  const sentences = sentencesOf(report)
  if (found === null)
    return html`<div class="headline"><p>Nothing can be quoted of these results.</p>${paragraphs(sentences)}</div>`
  const { title, configuration, number, unit, how } = found
  return html`<div class="headline"><p class="eyebrow">${title}</p>
<p class="quoted"><strong>${number}</strong> <span>${unit}</span></p>
<p class="how">${how}.</p>
<p class="who"><a href="#c${configuration.number}"><b>${configuration.number}</b> ${breakable(configuration.label)}</a>${marks(configuration)}</p>
${paragraphs(sentences)}</div>`
}

function paragraphs(sentences: readonly string[]): Markup | null {
  return sentences.length === 0
    ? null
    : html`<ul class="sentences">${sentences.map((each) => html`<li>${each}</li>`)}</ul>`
}

/** Bars of what is quoted: of experiments, and of commands, whose joules are other joules. */
export function bars({ configurations }: Report): Markup | null {
  const of = (title: string, note: string, is: (each: Configuration) => boolean) => {
    const own = configurations.filter((each) => is(each) && each.quoted !== null)
    return own.length === 0 ? null : html`<h3>${title}</h3><p class="note">${note}</p>${energyBars(own)}`
  }
  const note =
    'Joules per output token. The line across the end of a bar is its interval over the runs, of one run how far it may be off (k = 2).'
  const all = [
    of('Measured', note, ({ kind, simulated }) => kind === 'run' && !simulated),
    of('Simulated', note, ({ kind, simulated }) => kind === 'run' && simulated),
    of('Commands', 'Joules of a whole command.', ({ kind }) => kind === 'exec'),
  ].filter((each) => each !== null)
  return all.length === 0 ? null : html`${all}`
}

export function planes(report: Report): Markup | null {
  const drawn = PLANES.map((kind) => plane(kind, comparable(report), report)).filter((each) => each !== null)
  if (drawn.length === 0) return null
  const hollow =
    report.references.length === 0
      ? null
      : html` Hollow diamonds are <a href="#others">points of others</a>, by other methods.`
  return html`<p class="note">Each point is a configuration with its number; the lines through it are how far it may be off. The stepped line joins those that no other beats in both.${hollow}</p><div class="planes">${drawn}</div>`
}

export function table({ configurations }: Report): Markup | null {
  if (configurations.length === 0) return null
  return html`<p class="note" id="table-note">Geometric means over the runs of each. A head sorts by its column.</p>${configurationTable(configurations)}`
}

export function split({ configurations }: Report): Markup | null {
  const own = configurations.filter(({ kind, energyJ }) => kind === 'run' && energyJ !== null)
  if (own.length === 0) return null
  return html`<p class="note">The energy of a whole run, in the mean of its runs, twice: by level (what the GPUs draw anyway, what a loaded model adds while it does nothing, what the work adds) and by phase (reading the prompt, writing the answer).</p>
<ol class="splits">${own.map(splitRow)}</ol>`
}

/** Each configuration with its runs over time and what was found. */
export function configurationParts({ configurations, runs }: Report): Markup | null {
  if (runs.length === 0) return null
  let before = 0
  return html`<p class="note">Drag over a timeline to zoom, double-click to see all of it again. With the keyboard: arrow keys move along it, + and − zoom, 0 shows all.</p>
${configurations.map((each) => {
  const first = before
  before += each.runs.length
  return part(each, first, runs.length)
})}`
}

function part(configuration: Configuration, first: number, of: number): Markup {
  const { number, label, runs, quoted, reason } = configuration
  const told =
    quoted === null
      ? html`Nothing is quoted: ${reason ?? 'the energy is unknown'}.`
      : html`<strong>${valueText(quoted)} ${quoted.unit}</strong>. ${[...energyOf(configuration), howSure(quoted)].join('; ')}.`
  return html`<article id="c${number}" aria-labelledby="c${number}-title"><h3 id="c${number}-title"><b>${number}</b> ${breakable(label)}${marks(configuration)}</h3>
<p>${told}</p>
${findings(runs)}
${runs.map((run, at) => runPart(run, `r${first + at + 1}`, of, of <= OPEN_RUNS || first + at === 0))}</article>
`
}

function runPart(run: Run, id: string, of: number, isOpen: boolean): Markup {
  const { quoted, folder, startedAt, durationS, failedRequests, load, steps } = run
  const facts = [
    quoted.value === null
      ? `nothing quoted: ${quoted.reason}`
      : `${plusMinus(quoted.value, quoted.uncertainty)} ${quoted.unit}, ${quoted.scope === 'steady_state' ? 'steady state' : 'whole run'}, by ${quoted.method ?? 'nothing'}${run.energyOf === null ? '' : `, ${run.energyOf}`}`,
    durationS === null ? null : duration(durationS),
    load,
    failedRequests === null || failedRequests === 0 ? null : count(failedRequests, 'failed request'),
  ].filter((fact) => fact !== null)
  return html`<details class="run"${isOpen && html` open`}><summary><span>${folder}</span> <small>${startedAt === null ? UNKNOWN : `${startedAt.slice(0, 19).replace('T', ' ')} UTC`}</small> <small>${facts.join(' · ')}</small></summary>
${timeline(run, id, of)}${stepsText(steps)}</details>
`
}

/** "baseline 30.0 s, model 2.1 s, ..." */
function stepsText(steps: Run['steps']): Markup | null {
  const ended = steps.filter(({ end_ns }) => end_ns !== null)
  if (ended.length === 0) return null
  const told = ended.map(
    ({ step, start_ns, end_ns, error }) =>
      html`<li>${step} <b>${duration(((end_ns ?? 0) - start_ns) / 1e9)}</b>${error !== null && html` <em>${error}</em>`}</li>`,
  )
  return html`<div class="steps"><span class="of">Steps</span><ol>${told}</ol></div>`
}

interface Found {
  severity: string
  /** Each text, and in how many runs. */
  texts: Map<string, number>
}

/** What was found in any of the runs, by its code, warnings first. */
function findings(runs: readonly Run[]): Markup | null {
  const all = new Map<string, Found>()
  for (const run of runs)
    for (const { severity, code, text } of run.findings) {
      const known = all.get(code) ?? { severity, texts: new Map<string, number>() }
      known.texts.set(text, (known.texts.get(text) ?? 0) + 1)
      all.set(code, known)
    }
  if (all.size === 0) return null
  const isWarning = ([, { severity }]: [string, Found]) => Number(severity === 'warning')
  const sorted = [...all].sort((a, b) => isWarning(b) - isWarning(a))
  return html`<ul class="findings">${sorted.map(([code, found]) => findingItem(code, found, runs.length))}</ul>`
}

function findingItem(code: string, { severity, texts }: Found, of: number): Markup {
  const [first, ...rest] = [...texts].map(
    ([text, runs]) => html`${text}${of > 1 && html` <small>(${runs} of ${count(of, 'run')})</small>`}`,
  )
  const more =
    rest.length === 0
      ? null
      : html`<details><summary>${rest.length} more of this kind</summary><ul>${rest.map((each) => html`<li>${each}</li>`)}</ul></details>`
  return html`<li class="${severity}"><span>${severity === 'warning' ? 'Warning' : 'Note'}</span> <code>${code}</code> ${first}${more}</li>`
}

/** What others measured, as the user's file has it. */
export function others({ references }: Report): Markup | null {
  if (references.length === 0) return null
  return html`<p class="note">From a file that was given with --reference-points. How these were measured is not known to llem: other method, other workload.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of points of others"><table><thead><tr><th scope="col">Name</th><th scope="col" class="number">Energy per output token<small>J</small></th><th scope="col" class="number">Throughput<small>output tokens/s</small></th><th scope="col" class="number">TTFT, median<small>ms</small></th><th scope="col">Source</th></tr></thead>
<tbody>${references.map(
    ({ name, energyPerOutputTokenJ, outputTokensPerS, ttftP50Ms, source }) =>
      html`<tr><th scope="row">${name}</th><td class="number">${energyPerOutputTokenJ}</td><td class="number">${outputTokensPerS ?? UNKNOWN}</td><td class="number">${ttftP50Ms ?? UNKNOWN}</td><td>${source ?? UNKNOWN}</td></tr>`,
  )}</tbody></table></div>`
}

/** Each environment once, with the configurations that were measured in it. */
export function environments({ configurations }: Report): Markup | null {
  const all = new Map<string, { facts: Run['environment']; of: Set<number> }>()
  for (const { number, runs } of configurations)
    for (const { environment } of runs) {
      const key = JSON.stringify(environment)
      const known = all.get(key) ?? { facts: environment, of: new Set<number>() }
      all.set(key, { facts: environment, of: known.of.add(number) })
    }
  if (all.size === 0) return null
  const single = all.size === 1
  return html`${[...all.values()].map(
    ({ facts, of }) =>
      html`${!single && html`<h3>Of ${[...of].join(', ')}</h3>`}<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`,
  )}`
}

export function method({ runs }: Report): Markup {
  const estimators = [...new Set(runs.flatMap(({ estimator }) => estimator ?? []))].sort()
  return html`<dl class="method">${METHOD.map(([term, text]) => html`<dt>${term}</dt><dd>${text}</dd>`)}<dt>Estimator</dt><dd>${estimators.length === 0 ? 'Not told in these results.' : `Made by ${estimators.join(', ')}.`} <code>llem verify</code> recomputes each result from its readings.</dd></dl>`
}

export function citation(report: Report): Markup | null {
  return report.runs.length === 0 ? null : html`<blockquote><p>${citationOf(report)}</p></blockquote>`
}

/** The resolved configuration of each, as a file for `llem run`. */
export function reproduction({ configurations }: Report): Markup | null {
  if (configurations.length === 0) return null
  return html`<p class="note">The resolved configuration of each, with every default. Save one as config.yaml and type <code>llem run config.yaml</code>. Secrets are not in it.</p>
${configurations.map(
  ({
    number,
    label,
    runs,
  }) => html`<details class="config"><summary><b>${number}</b> ${breakable(label)}</summary><pre tabindex="0">${runs.slice(0, 1).map(configText)}</pre></details>
`,
)}`
}

function configText({ kind, config, subject }: Run): Markup {
  return lines(kind === 'run' ? stringify(config, { lineWidth: 0 }).trimEnd() : `llem exec -- ${subject}`)
}

export function setAside({ leftOut }: Report): Markup | null {
  if (leftOut.length === 0) return null
  return html`<ul class="left-out">${leftOut.map(({ folder, reason }) => html`<li><code>${folder}</code> ${reason}</li>`)}</ul>`
}
