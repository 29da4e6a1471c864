import { describe, expect, it } from 'vitest'
import { nextStart, type Schedule, scheduleOf, startFrom, startMs } from '../../dist/campaign/schedule.js'
import { instantOf, timeText } from '../../dist/campaign/wall-clock.js'

const ms = (text: string) => Date.parse(text)
const keys = {
  at: null as string | null,
  time_zone: 'UTC',
  interval: null as string | null,
  total_duration: null as string | null,
}
const schedule = (written: Partial<typeof keys>, now: string) =>
  scheduleOf({ ...keys, ...written }, { nowMs: ms(now), firstMs: null })
const starts = (of: Schedule, count: number) =>
  Array.from({ length: count }, (_, index) => new Date(startMs(of, index)).toISOString())

describe('a time of day in a time zone', () => {
  it.for([
    // Winter and summer in Berlin; half hours in India, three quarters in Nepal.
    ['Europe/Berlin', '2026-01-15 02:30', '2026-01-15T01:30:00.000Z'],
    ['Europe/Berlin', '2026-07-15 02:30', '2026-07-15T00:30:00.000Z'],
    ['Asia/Kolkata', '2026-07-15 02:30', '2026-07-14T21:00:00.000Z'],
    ['Asia/Kathmandu', '2026-07-15 02:30', '2026-07-14T20:45:00.000Z'],
    // That there is not, on the last Sunday of March: the first moment after it.
    ['Europe/Berlin', '2026-03-29 02:30', '2026-03-29T01:00:00.000Z'],
    ['America/New_York', '2026-03-08 02:00', '2026-03-08T07:00:00.000Z'],
    // Clocks that are put forward by half an hour, and at midnight.
    ['Australia/Lord_Howe', '2026-10-04 02:15', '2026-10-03T15:30:00.000Z'],
    ['Africa/Cairo', '2026-04-24 00:20', '2026-04-23T22:00:00.000Z'],
    // That there is twice, on the last Sunday of October: the first.
    ['Europe/Berlin', '2026-10-25 02:30', '2026-10-25T00:30:00.000Z'],
    ['America/New_York', '2026-11-01 01:30', '2026-11-01T05:30:00.000Z'],
    // A whole day that there was not.
    ['Pacific/Apia', '2011-12-30 12:00', '2011-12-30T10:00:00.000Z'],
  ] as const)('%s %s is %s', ([zone, shown, instant]) => {
    const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = shown.split(/[- :]/).map(Number)
    expect(new Date(instantOf(zone, { year, month, day, hour, minute })).toISOString()).toBe(instant)
  })

  it('is shown with its offset, so that an hour that comes twice is told apart', () => {
    expect(timeText('Europe/Berlin', ms('2026-10-25T00:30:00Z'))).toBe(
      '2026-10-25 02:30:00 +02:00 (Europe/Berlin)',
    )
    expect(timeText('Europe/Berlin', ms('2026-10-25T01:30:00Z'))).toBe(
      '2026-10-25 02:30:00 +01:00 (Europe/Berlin)',
    )
    expect(timeText('America/St_Johns', ms('2026-01-25T01:30:00Z'))).toBe(
      '2026-01-24 22:00:00 -03:30 (America/St_Johns)',
    )
  })
})

describe('the starts of a daemon', () => {
  it('without `at` begin at the next full second and are intervals apart', () => {
    expect(starts(schedule({ interval: '10s' }, '2026-01-01T00:00:00.123Z'), 3)).toEqual([
      '2026-01-01T00:00:01.000Z',
      '2026-01-01T00:00:11.000Z',
      '2026-01-01T00:00:21.000Z',
    ])
  })

  it.for([
    ['2026-01-01T01:00:00Z', '2026-01-01T02:30:00.000Z'],
    ['2026-01-01T02:30:00Z', '2026-01-01T02:30:00.000Z'],
    ['2026-01-01T02:30:00.001Z', '2026-01-02T02:30:00.000Z'],
  ] as const)('with `at` of 02:30, looked at %s, begin at %s', ([now, first]) => {
    expect(starts(schedule({ at: '02:30' }, now), 1)).toEqual([first])
  })

  it('on the day whose 02:30 comes twice begin once', () => {
    const zone = { at: '02:30', time_zone: 'Europe/Berlin', interval: '1d' }
    // Between the first and the second 02:30.
    expect(starts(schedule(zone, '2026-10-25T01:00:00Z'), 1)).toEqual(['2026-10-26T01:30:00.000Z'])
  })

  it.for(['1d', '24h', '1440m'])('every %s keep the time of day when clocks change', (interval) => {
    const zone = { at: '02:30', time_zone: 'Europe/Berlin', interval }
    const spring = schedule(zone, '2026-03-27T12:00:00Z')
    expect(starts(spring, 3)).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
    expect(starts(schedule(zone, '2026-10-24T00:00:00Z'), 3)).toEqual([
      '2026-10-24T00:30:00.000Z',
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ])
  })

  it('that begin in the hour that there is not go on at the time of day that was asked for', () => {
    const zone = { at: '02:30', time_zone: 'Europe/Berlin', interval: '1d' }
    expect(starts(schedule(zone, '2026-03-29T00:45:00Z'), 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ])
  })

  it('every 6h stay 6 hours apart when clocks change', () => {
    const zone = { at: '20:00', time_zone: 'Europe/Berlin', interval: '6h' }
    expect(starts(schedule(zone, '2026-03-28T12:00:00Z'), 3)).toEqual([
      '2026-03-28T19:00:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T07:00:00.000Z',
    ])
  })

  it('are found again from any moment, over two years of daily ones', () => {
    const daily = schedule(
      { at: '02:30', time_zone: 'Europe/Berlin', interval: '1d' },
      '2026-01-01T12:00:00Z',
    )
    for (let index = 0; index < 730; index++) {
      const atMs = startMs(daily, index)
      expect(startFrom(daily, atMs)).toBe(index)
      expect(startFrom(daily, atMs + 1)).toBe(index + 1)
    }
  })
})

describe('what is next', () => {
  const every10s = schedule({ interval: '10s', total_duration: '60s' }, '2026-01-01T00:00:00Z')
  const at = (seconds: number) => every10s.firstMs + seconds * 1000
  const next = (last: number, nowS: number, policy: 'skip' | 'once' = 'skip') => {
    const { start, missed } = nextStart(every10s, { last, nowMs: at(nowS), policy })
    return { start, missed }
  }

  it.for([
    ['the first', -1, 0, 'skip', { start: 0, missed: 0 }],
    ['the next, while there is time', 0, 3, 'skip', { start: 1, missed: 0 }],
    ['the next, in the very moment of it', 0, 10, 'skip', { start: 1, missed: 0 }],
    ['the one after, where the next has passed', 0, 10.02, 'skip', { start: 2, missed: 1 }],
    ['the first that is to come, where many have passed', 0, 35, 'skip', { start: 4, missed: 3 }],
    ['at once, the latest that has passed, by `once`', 0, 35, 'once', { start: 3, missed: 2 }],
    ['nothing made up for, where nothing was missed', 0, 3, 'once', { start: 1, missed: 0 }],
    ['none at the end of the time', 5, 52, 'skip', { start: null, missed: 0 }],
    ['none after the end, and what was missed until then', 2, 1000, 'skip', { start: null, missed: 3 }],
    ['none after the end, by `once` too', 2, 1000, 'once', { start: null, missed: 3 }],
  ] as const)('is %s', ([_, last, nowS, policy, expected]) => {
    expect(next(last, nowS, policy)).toEqual(expected)
  })

  it('without an interval is one round, however late, and then none', () => {
    const one = schedule({ at: '02:00' }, '2026-01-01T00:00:00Z')
    const nowMs = ms('2026-01-03T00:00:00Z')
    expect(nextStart(one, { last: -1, nowMs, policy: 'skip' })).toMatchObject({ start: 0, missed: 0 })
    expect(nextStart(one, { last: 0, nowMs, policy: 'skip' })).toMatchObject({ start: null, missed: 0 })
  })
})
