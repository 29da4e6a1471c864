// The scripts in the shell that they are for. zsh and fish are not installed for the tests; by hand they were tried (Debian 12's).

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { llem } from '../native/llem.js'
import { textFile } from '../native/scenario.js'

const script = textFile('completion.bash', (await llem(['completion', 'bash'])).stdout)

/** What a Tab offers after these words, the last of which is being typed. */
function offered(...words: string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _llem; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['--norc', '-c', program, 'bash', script, ...words], { encoding: 'utf8' })
  return out.split('\n').filter((line) => line !== '')
}

describe('llem completion bash', () => {
  it('offers commands', () => {
    expect(offered('llem', 'exp')).toEqual(['export', 'explain'].filter((name) => name.startsWith('exp')))
    expect(offered('llem', 'campaign', 'st')).toEqual(['status'])
    expect(offered('llem', 'backend', '')).toEqual(expect.arrayContaining(['install', 'list']))
  })

  it('offers the options of a command, also after its arguments', () => {
    expect(offered('llem', 'run', '--sim')).toEqual(['--simulate'])
    expect(offered('llem', 'run', 'x.yaml', '--require')).toEqual(['--require-energy'])
    expect(offered('llem', 'run', '--help')).toEqual(['--help'])
  })

  it('leaves what stands after -- to others', () => {
    expect(offered('llem', 'exec', '--', 'r')).toEqual([])
  })

  it('of another shell is refused with those that there are', async () => {
    const { code, stderr } = await llem(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(stderr).toContain('bash, zsh, fish')
  })
})
