// llem explain: what a finding or an error code means.

import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { FINDINGS } from '../findings/catalogue.js'
import { ERRORS } from '../findings/errors.js'
import { print, printJson } from './screen.js'

/** Explains a code, or without one lists all of them. */
export function explain(code: string | undefined, { json = false }: { json?: boolean }): void {
  if (code === undefined) {
    if (json) printJson({ findings: FINDINGS, errors: ERRORS })
    else print(list())
    return
  }
  const finding = FINDINGS[code.toLowerCase()]
  const error = ERRORS[code.toUpperCase()]
  if (finding === undefined && error === undefined) throw unknownCode(code)
  if (json)
    printJson(
      finding === undefined
        ? { code: code.toUpperCase(), meaning: error }
        : { code: code.toLowerCase(), ...finding },
    )
  else if (finding === undefined) print(`${code.toUpperCase()}\n\n${error}`)
  else {
    const { meaning, evidence, advice } = finding
    const lines = [code.toLowerCase(), '', meaning, '', `Seen by: ${evidence}`]
    print([...lines, ...(advice === null ? [] : [`What to do: ${advice}`])].join('\n'))
  }
}

function list(): string {
  const findings = Object.entries(FINDINGS).map(([code, { meaning }]) => `  ${code}\n      ${meaning}`)
  const errors = Object.entries(ERRORS).map(([code, meaning]) => `  ${code}\n      ${meaning}`)
  return ['Findings, in a result', ...findings, '', 'Errors', ...errors].join('\n')
}

function unknownCode(code: string): LlemError {
  const meant =
    closest(code.toLowerCase(), Object.keys(FINDINGS)) ?? closest(code.toUpperCase(), Object.keys(ERRORS))
  return new LlemError(`there is no finding or error ${JSON.stringify(code)}`, {
    code: 'CODE_UNKNOWN',
    hint: `${meant === null ? '' : `Did you mean ${meant}? `}\`llem explain\` lists all.`,
    kind: 'usage',
  })
}
