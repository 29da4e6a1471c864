// Command lines as llem splits them, beside what a real shell makes of them.

import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { splitLine } from '../../dist/exec/split-line.js'
import { randomOf } from '../native/scenario.js'

const argsOf = (line: string) => {
  const split = splitLine(line)
  return 'args' in split ? split.args : `refused: ${split.problem}`
}

describe('a command line', () => {
  it.for([
    ['sleep 1', ['sleep', '1']],
    ['  sleep \t 1  ', ['sleep', '1']],
    [`python -c 'print("a  b")'`, ['python', '-c', 'print("a  b")']],
    ['a "b c" d', ['a', 'b c', 'd']],
    [`a '' ""`, ['a', '', '']],
    [`a b'c'"d"e`, ['a', 'bcde']],
    [`a b''c`, ['a', 'bc']],
    ['a b\\ c', ['a', 'b c']],
    ['a "b\\"c\\\\"', ['a', 'b"c\\']],
    [`a '$HOME | *'`, ['a', '$HOME | *']],
    ['a \\$HOME \\* \\|', ['a', '$HOME', '*', '|']],
    ['a "b | c > d"', ['a', 'b | c > d']],
    ['a --size={size} {file}', ['a', '--size={size}', '{file}']],
    ['a --b=c k=v', ['a', '--b=c', 'k=v']],
    ['a x#y', ['a', 'x#y']],
    ['[ 1 ]', ['[', '1', ']']],
    ['größe "ä ö"', ['größe', 'ä ö']],
  ] as const)('%s is split into its arguments', ([line, args]) => {
    expect(argsOf(line)).toEqual(args)
  })

  it.for([
    ['a | b', 'a pipe'],
    ['a || b', 'a pipe'],
    ['a && b', '&&'],
    ['a &', '&'],
    ['a; b', ';'],
    ['a > b', 'a redirection'],
    ['a < b', 'a redirection'],
    ['a 2>&1', '&'],
    ['a *.txt', 'a pattern for files'],
    ['a b?', 'a pattern for files'],
    ['a [ab]c', 'a pattern for files'],
    ['a $HOME', '$'],
    ['a "$HOME"', '$ in double quotes'],
    ['a "\\$HOME"', '$ in double quotes'],
    ['a $(b)', '$'],
    ['a `b`', '`'],
    ['a "`b`"', '` in double quotes'],
    ["a $'b'", '$'],
    ['a {b,c}', 'a set in braces'],
    ['a {1..3}', 'a set in braces'],
    ['~/a b', '~'],
    ['a # b', 'a comment'],
    ['A=1 b', 'a variable that is set for the command'],
    ['(a)', 'a parenthesis'],
    ['a\nb', 'a line break'],
    ['a \\\nb', 'a line that goes on'],
    ['a "b\\\nc"', 'a line that goes on'],
  ] as const)('%s is refused without a shell, and what of it is told', ([line, what]) => {
    expect(argsOf(line)).toMatch(/^refused: .* is for a shell to read: add --shell, or quote it$/)
    expect(argsOf(line)).toContain(`refused: ${what}`)
  })

  it.for([
    ["a 'b", 'a quote is not closed'],
    ['a "b', 'a quote is not closed'],
    ['a b\\', 'it ends with a backslash'],
    ['', 'there is no command in it'],
    ['   ', 'there is no command in it'],
    ["'' a", 'there is no command in it'],
  ] as const)('%s is refused: %s', ([line, problem]) => {
    expect(argsOf(line)).toBe(`refused: ${problem}`)
  })

  it('is what a shell makes of it, for 3000 random ones that are not refused', () => {
    const random = randomOf(16)
    const letters = [...`ab  ''""\\\\$|*{}=,#~[];&<>\n-1`]
    const lines = Array.from({ length: 60_000 }, () =>
      Array.from(
        { length: 1 + Math.floor(random() * 10) },
        () => letters[Math.floor(random() * letters.length)],
      ).join(''),
    )
    const plain = [...new Set(lines)].filter((line) => 'args' in splitLine(line)).slice(0, 3000)
    expect(plain).toHaveLength(3000)
    // +B: what bash expands in braces is no part of a shell's own language; {a,b} and {1..3} are refused all the same.
    const script = plain.map((line) => `printf '%s\\0' ${line}\nprintf '\\1'\n`).join('')
    const said = execFileSync('bash', ['+B', '-c', script], { encoding: 'utf8', maxBuffer: 1 << 26 })
    const byShell = said
      .split('\u0001')
      .slice(0, -1)
      .map((text) => text.split('\0').slice(0, -1))
    expect(byShell).toHaveLength(plain.length)
    for (const [place, line] of plain.entries()) expect([line, argsOf(line)]).toEqual([line, byShell[place]])
  })
})
