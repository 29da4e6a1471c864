// llem init: a look at the machine, three questions, and a file that runs.

import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface, type Interface } from 'node:readline/promises'
import { loadExperimentConfig } from '../config/load.js'
import { loadCampaign } from '../config/load-campaign.js'
import { configError } from '../config/problems.js'
import { LlemError } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { EXIT, Exit } from './exit.js'
import {
  type Choices,
  commandFor,
  INSTALL,
  initFile,
  needsInstall,
  SMALL_MODEL,
  type Subject,
} from './init-file.js'
import { type MachineHere, machineHere } from './machine-here.js'
import { writeNewFile } from './new-file.js'
import { print, say } from './screen.js'
import { shellWord } from './shell-word.js'

export interface InitOptions {
  output?: string
  yes?: boolean
  force?: boolean
}

/** Writes an experiment or a campaign, and prints its path. */
export async function init({ output, yes = false, force = false }: InitOptions): Promise<void> {
  if (output !== undefined) refuseUnwritable(output, force)
  say('Looking for GPUs, models and servers ...')
  const here = await machineHere()
  say(`  GPUs      ${here.gpus.length > 0 ? here.gpus.join(', ') : `none: ${here.whyNone}`}`)
  const subjects = subjectsOf(here)
  const asks = !yes && process.stdin.isTTY === true && process.stderr.isTTY === true
  const answers = asks ? await askAll(subjects) : { subject: 0, form: 0, care: 0 }
  const choices: Choices = {
    subject: subjects[answers.subject] as Subject,
    isCampaign: answers.form === 1,
    isCareful: answers.care === 1,
    hasGpu: here.gpus.length > 0,
    hasBackend: here.hasBackend,
  }
  if (!asks) say(`Chose ${subjectText(choices.subject)}, ${FORMS[answers.form]}, ${CARES[answers.care]}.`)
  const path = output ?? (choices.isCampaign ? 'campaign.yaml' : 'experiment.yaml')
  const text = initFile(shellWord(path), choices)
  const loaded = choices.isCampaign ? loadCampaign({ path, text }) : loadExperimentConfig({ path, text })
  if (!loaded.ok) throw configError(loaded.problems)
  writeNewFile(path, text, { hint: HINT, force })
  if (needsInstall(choices)) say(`Install what runs it, once: ${INSTALL}`)
  say(`Run it: ${commandFor(shellWord(path), choices)}`)
  print(path)
}

const HINT = 'Name another file with -o, or write over it with --force.'
const FORMS = ['one experiment', 'a campaign that compares settings'] as const
const CARES = ['a first number in a minute or two', 'a number to quote, which takes longer'] as const

/** Before three questions are answered for nothing. */
function refuseUnwritable(path: string, force: boolean): void {
  if (path === '' || path === '-')
    throw new LlemError(`-o ${path === '' ? "''" : path} names no file`, {
      ...{ code: 'FILE_NOT_WRITTEN', hint: 'Name one, as in -o experiment.yaml.', kind: 'usage' },
    })
  if (!existsSync(dirname(path)) || (existsSync(path) && !force)) writeNewFile(path, '', { hint: HINT })
}

/** What could be measured, the nearest first. */
function subjectsOf({ servers, models }: MachineHere): Subject[] {
  const found = servers.flatMap(({ url, engine, models: served }): Subject[] => {
    const [model] = served ?? []
    return model === undefined ? [] : [{ kind: 'server', model, url, engine }]
  })
  const files = models.map((model): Subject => ({ kind: 'file', model }))
  return [...found, ...files.slice(0, 7), { kind: 'hub', model: SMALL_MODEL }]
}

function subjectText(subject: Subject): string {
  // Names of files and models are foreign text.
  const model = printable(subject.model)
  if (subject.kind === 'server') return `${model} at ${printable(subject.url)}`
  return subject.kind === 'file' ? `the file ${model}` : `${model}, fetched once`
}

async function askAll(
  subjects: readonly Subject[],
): Promise<{ subject: number; form: number; care: number }> {
  const dialogue = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return {
      subject: await choose(dialogue, 'What is to be measured?', subjects.map(subjectText)),
      form: await choose(dialogue, 'Which file?', FORMS),
      care: await choose(dialogue, 'How sure must it be?', CARES),
    }
  } finally {
    dialogue.close()
  }
}

/** The place of what was chosen. Ctrl-C and the end of the input end llem with nothing written. */
async function choose(dialogue: Interface, question: string, answers: readonly string[]): Promise<number> {
  if (answers.length === 1) return 0
  say(`\n${question}`)
  for (const [place, answer] of answers.entries()) say(`  ${place + 1}  ${answer}`)
  for (;;) {
    const text = (await asked(dialogue, `1 to ${answers.length} [1]: `)).trim()
    const number = text === '' ? 1 : Number(text)
    if (Number.isInteger(number) && number >= 1 && number <= answers.length) return number - 1
    say(`It is a number from 1 to ${answers.length}.`)
  }
}

function asked(dialogue: Interface, prompt: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const left = () => {
      say('\nNothing was written.')
      reject(new Exit(EXIT.interrupted))
    }
    dialogue.once('close', left)
    dialogue.once('SIGINT', () => dialogue.close())
    dialogue.question(prompt).then((text) => {
      dialogue.off('close', left)
      resolve(text)
    }, reject)
  })
}
