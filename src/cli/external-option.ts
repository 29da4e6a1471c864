// `--external wall=command line` -> what is to be read.

import { LlemError } from '../core/errors.js'
import { EXTERNAL_SCOPES, type ExternalScope } from '../core/external-scopes.js'
import { learnSecrets } from '../core/secrets.js'
import type { ExternalAsked } from '../energy/external/open.js'
import { splitLine } from '../exec/split-line.js'

const SCOPE = new RegExp(`^\\s*(?:(${EXTERNAL_SCOPES.join('|')})=)?(.*)$`, 's')

/** Throws OPTIONS_INVALID. */
export function externalOf(texts: readonly string[] = []): ExternalAsked[] {
  const asked = texts.map((text): ExternalAsked => {
    const [, scope = 'node', line = ''] = SCOPE.exec(text) ?? []
    const read = splitLine(line)
    if ('problem' in read)
      throw invalid(`--external: ${read.problem.replace('add --shell, or quote it', 'quote it')}`)
    learnSecrets(read.args)
    return { scope: scope as ExternalScope, command: read.args }
  })
  const scopes = asked.map(({ scope }) => scope)
  const twice = scopes.find((scope, at) => scopes.indexOf(scope) !== at)
  if (twice !== undefined) throw invalid(`--external has two meters with scope ${twice}`)
  return asked
}

function invalid(message: string): LlemError {
  return new LlemError(message, {
    code: 'OPTIONS_INVALID',
    hint: "It is a program and its arguments without a shell, one for each of wall, node and module, as in --external 'wall=read-meter --outlet 3'. Nothing was run.",
    kind: 'usage',
  })
}
