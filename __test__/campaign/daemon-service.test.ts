import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { COMMANDS } from '../../dist/cli/commands.js'
import { EXIT } from '../../dist/cli/exit.js'

const unit = fileURLToPath(new URL('../../examples/llem-daemon.service', import.meta.url))

/** "Section.Key" -> value. */
function settings(): Map<string, string> {
  const found = new Map<string, string>()
  let section = ''
  for (const line of readFileSync(unit, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, key, value] = /^(\w+)=(.+)$/.exec(line) ?? []
    if (name !== undefined) section = name
    else if (key !== undefined && value !== undefined) found.set(`${section}.${key}`, value)
    else throw new Error(`no line of a unit: ${line}`)
  }
  return found
}

it('the systemd unit stops llem as llem can be stopped, and starts it again only after a failure', () => {
  const unit = settings()
  expect(Object.fromEntries(unit)).toMatchObject({
    'Service.Type': 'exec',
    'Service.KillMode': 'mixed',
    'Service.KillSignal': 'SIGTERM',
    'Service.SuccessExitStatus': String(EXIT.interrupted),
    'Service.RestartPreventExitStatus': String(EXIT.usage),
    'Service.Restart': 'on-failure',
  })
  expect(Number(unit.get('Service.TimeoutStopSec'))).toBeGreaterThan(5)
  const [env, name, command] = String(unit.get('Service.ExecStart')).split(' ')
  expect([env, name]).toEqual(['/usr/bin/env', 'llem'])
  expect(COMMANDS.map((each) => each.name)).toContain(command)
})

it('systemd finds nothing wrong with the unit', (context) => {
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
  if (verified.error !== undefined) context.skip('there is no systemd-analyze; the test above reads the unit')
  expect({ code: verified.status, said: verified.stderr }).toEqual({ code: 0, said: '' })
})
