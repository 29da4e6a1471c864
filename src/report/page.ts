// The report as one HTML file that needs nothing: no font, no script, no picture from anywhere else. Made of the same matter
// it has the same bytes.

import { createHash } from 'node:crypto'
import { html, type Markup, raw } from './markup.js'
import { pageScript } from './page-script.js'
import { comparable, type Report } from './report.js'
import {
  bars,
  citation,
  configurationParts,
  environments,
  headline,
  method,
  others,
  planes,
  reproduction,
  setAside,
  split,
  table,
} from './sections.js'
import { subjectOf } from './sentences.js'
import { STYLE } from './style.js'
import { chartLibrary } from './uplot.js'

/** The whole file. */
export function page(report: Report): string {
  const library = chartLibrary()
  const style = `${library.style}\n${STYLE}`
  const script = `${library.script}\n(${pageScript.toString()})()`
  const simulated = report.runs.length > 0 && report.runs.every((run) => run.simulated)
  const isOfCommands = report.configurations.every(({ kind }) => kind === 'exec')
  const sections = [
    {
      id: 'energy',
      title: isOfCommands ? 'Energy of commands' : 'Energy per output token',
      body: bars(report),
    },
    { id: 'trade-offs', title: 'What it is traded for', body: planes(report) },
    { id: 'table', title: 'All configurations', body: table(report) },
    { id: 'split', title: 'Where the joules go', body: split(report) },
    { id: 'runs', title: 'Runs over time', body: configurationParts(report) },
    { id: 'others', title: 'Points of others', body: others(report) },
    { id: 'environment', title: 'Environment', body: environments(report) },
    { id: 'method', title: 'Method', body: method(report) },
    { id: 'cite', title: 'How to cite', body: citation(report) },
    { id: 'reproduce', title: 'How to reproduce', body: reproduction(report) },
    { id: 'left-out', title: 'Left out', body: setAside(report) },
  ].filter((section): section is { id: string; title: string; body: Markup } => section.body !== null)
  const document = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy(style, script)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="llem ${report.version}">
<title>Energy of inference: ${subjectOf(report)}</title>
<style>${raw(style)}</style></head>
<body><a class="skip" href="#main">Skip to the report</a>
${simulated && html`<p class="banner" role="note"><strong>Simulated.</strong> These numbers come from a simulated GPU, not from hardware.</p>`}
<header><p class="brand">llem <span>energy of inference</span></p><h1>${titleOf(report)}</h1><p class="subject">${subjectOf(report)}</p></header>
<nav aria-label="Parts of the report"><ul>${sections.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav>
<main id="main" tabindex="-1">${headline(report)}
${sections.map(
  ({
    id,
    title,
    body,
  }) => html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${body}</section>
`,
)}</main>
<footer><p>Made by llem ${report.version}. ± is k = 2 on the boards that were measured; intervals hold the true value in 95 of 100 cases.</p></footer>
<div id="tip" role="tooltip" hidden></div>
<script>${raw(script)}</script></body></html>
`
  return document.text
}

/** Nothing is fetched, and nothing runs but what is in the file. */
function policy(style: string, script: string): string {
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  return [
    `default-src 'none'`,
    `style-src ${hash(style)}`,
    `script-src ${hash(script)}`,
    `base-uri 'none'`,
    `form-action 'none'`,
  ].join('; ')
}

/** The models, or the commands where there are none. */
function titleOf(report: Report): string {
  const models = [
    ...new Set(
      (comparable(report).length > 0 ? comparable(report) : report.configurations).map(({ runs }) =>
        shortName(runs[0]?.subject ?? ''),
      ),
    ),
  ]
  return models.length === 0
    ? 'No results'
    : models.slice(0, 3).join(', ') + (models.length > 3 ? ` and ${models.length - 3} more` : '')
}

function shortName(subject: string): string {
  const name = subject.split('/').at(-1) || subject
  return name.length > 60 ? `${name.slice(0, 59)}…` : name
}
