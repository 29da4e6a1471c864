import { describe, expect, it } from 'vitest'
import { ClippedLines } from '../../dist/energy/external/clipped-lines.js'
import { nameOf, wishesOf } from '../../dist/energy/external/open.js'
import { parseMeterLine } from '../../dist/energy/external/protocol.js'
import { Usual } from '../../dist/energy/external/usual.js'

/** Up for five hours, in 2026. */
const arrival = { ns: 18_000e9, unixMs: 1.79e12 }
const parse = (line: string) => parseMeterLine(line, arrival)

describe('a line of an external meter', () => {
  it('is a reading of power or of a counter', () => {
    expect(parse('{"t_ns": 17999000000000, "w": 350.5}')).toEqual({
      ...{ kind: 'reading', quantity: 'power', times: 'meter', tNs: 17_999e9, value: 350.5 },
    })
    expect(parse('{"j": 12345678, "t_ns": 18000000000000}')).toMatchObject({
      ...{ quantity: 'energy', tNs: 18_000e9, value: 12_345_678 },
    })
  })

  it('is of when it came where it has no time', () => {
    expect(parse('{"w": 350}')).toMatchObject({ times: 'arrival', tNs: arrival.ns })
  })

  it('may say what the meter is', () => {
    expect(parse('{"accuracy_pct": 1.5}')).toMatchObject({ accuracyPct: 1.5, printsNewOnly: false })
    expect(parse('{"prints_new_only": true}')).toEqual({
      kind: 'hello',
      accuracyPct: null,
      ...{ printsNewOnly: true, isMeans: false },
    })
    expect(parse('{"means": true}')).toMatchObject({ kind: 'hello', isMeans: true })
  })

  it.each([
    ['watts: 300', 'no JSON'],
    ['[1]', 'no JSON object'],
    ['null', 'no JSON object'],
    ['{}', 'one of w and j'],
    ['{"t_ns": 18000000000000}', 'one of w and j'],
    ['{"w": 1, "j": 2}', 'one of w and j'],
    ['{"w": 1, "unit": "kW"}', 'unknown key "unit"'],
    ['{"w": "300"}', 'w is no number from 0 on'],
    ['{"w": null}', 'w is no number from 0 on'],
    ['{"w": NaN}', 'no JSON'],
    ['{"w": 1e999}', 'w is no number from 0 on'],
    ['{"w": -1}', 'w is no number from 0 on'],
    ['{"j": -0.1}', 'j is no number from 0 on'],
    ['{"t_ns": "18", "w": 1}', 't_ns is no number'],
    ['{"t_ns": null, "w": 1}', 't_ns is no number'],
    ['{"accuracy_pct": -1}', 'accuracy_pct is no number above 0'],
    ['{"prints_new_only": 1}', 'neither true nor false'],
    ['{"means": 1}', 'means is neither true nor false'],
    [`{"w": 1${' '.repeat(1000)}}`, 'longer than 1000 characters'],
  ])('%s is none, and says why', (line, why) => {
    const said = parse(line)
    expect(said.kind).toBe('bad')
    expect(said).toMatchObject({ why: expect.stringContaining(why) })
  })

  it.each([
    ['wall-clock time in nanoseconds', arrival.unixMs * 1e6],
    ['wall-clock time in microseconds', arrival.unixMs * 1e3],
    ['wall-clock time in milliseconds', arrival.unixMs],
    ['wall-clock time in seconds', arrival.unixMs / 1e3],
    ['in seconds', 18_000],
    ['in milliseconds', 18_000e3],
    ['in microseconds', 18_000e6],
    ['2.00e+3 s behind', 16_000e9],
    ['1.00 s ahead of', 18_001e9],
  ])('of another clock is none, and says what to print: %s', (what, t_ns) => {
    const said = parse(JSON.stringify({ t_ns, w: 300 }))
    expect(said).toMatchObject({ kind: 'bad', why: expect.stringContaining(what) })
    expect(said).toMatchObject({ why: expect.stringContaining('time.monotonic_ns()') })
  })
})

describe('the lines of a stream', () => {
  it('are cut wherever its pieces end', () => {
    const lines = new ClippedLines(10)
    expect(['a', 'b\nc', '\n\nd', '\n'].flatMap((text) => lines.push(Buffer.from(text)))).toEqual([
      'ab',
      'c',
      '',
      'd',
    ])
  })

  it('are kept no longer than they may be, and the next one is whole', () => {
    const lines = new ClippedLines(10)
    for (let k = 0; k < 1000; k++) expect(lines.push(Buffer.alloc(1000, 'x'))).toEqual([])
    expect(lines.push(Buffer.from('\nnext\n'))).toEqual(['x'.repeat(11), 'next'])
  })
})

describe('the usual spacing', () => {
  it('is the median to half a percent', () => {
    const spacing = new Usual()
    expect(spacing.median).toBeNull()
    for (const ns of [1e9, 1e9, 1.01e9, 0.99e9, 30e9]) spacing.add(ns)
    expect((spacing.median ?? 0) / 1e9).toBeCloseTo(1, 2)
  })
})

describe('the name of a meter', () => {
  it('is its own', () => {
    const asked = [
      { command: ['read', '1'], scope: 'node' as const },
      { command: ['read', '2'], scope: 'wall' as const },
    ]
    expect(wishesOf(asked).map(({ name }) => name)).toEqual(['read', 'read-wall'])
  })

  it.each([
    [['llem', 'meter', 'redfish', '--url', 'https://192.0.2.1'], 'redfish'],
    [['node', '/opt/llem/bin/llem.js', 'meter', 'redfish'], 'redfish'],
    [['/usr/local/bin/read-pdu.py', '--outlet', '3'], 'read-pdu'],
    [['python3', '-u', 'tools/ipmi.py'], 'ipmi'],
    [['../..'], 'meter'],
    [['/bin/a b/../c;d'], 'c-d'],
  ])('of %j is %s', (command, name) => {
    expect(nameOf(command)).toBe(name)
  })
})
