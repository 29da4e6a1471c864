// Times of day in a time zone, as instants. Intl knows the zones' rules and tells only how an instant is written
// there; the way back is a search. A package for that would be larger than all of the daemon.

/** A day of the calendar and a time of that day, in no zone; month from 1. */
export interface LocalTime {
  year: number
  month: number
  day: number
  hour: number
  minute: number
}

const DAY_MS = 86_400_000
const formats = new Map<string, Intl.DateTimeFormat>()

/** The machine's time zone, of the IANA database. */
export function machineZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

/** What clocks in a zone show at an instant. */
export function localTime(zone: string, atMs: number): LocalTime {
  const shown = new Date(atMs + offsetMs(zone, atMs))
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    hour: shown.getUTCHours(),
    minute: shown.getUTCMinutes(),
  }
}

/** So many days later, at the same time of day. */
export function daysLater({ year, month, day, hour, minute }: LocalTime, days: number): LocalTime {
  const date = new Date(Date.UTC(year, month - 1, day + days))
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour,
    minute,
  }
}

/**
 * The instant at which clocks in a zone show a time. Where they show it twice the first one, where they never do,
 * because they are put forward past it, the moment at which that is done.
 */
export function instantOf(zone: string, { year, month, day, hour, minute }: LocalTime): number {
  const shownMs = Date.UTC(year, month - 1, day, hour, minute)
  const [before, after] = [offsetMs(zone, shownMs - DAY_MS), offsetMs(zone, shownMs + DAY_MS)]
  const fits = [shownMs - before, shownMs - after].filter((atMs) => atMs + offsetMs(zone, atMs) === shownMs)
  if (fits.length > 0) return Math.min(...fits)
  let [early, late] = [shownMs - Math.max(before, after), shownMs - Math.min(before, after)]
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2)
    if (offsetMs(zone, middle) === after) late = middle
    else early = middle
  }
  return late
}

/** "2026-11-23 02:30:00 +01:00 (Europe/Berlin)" */
export function timeText(zone: string, atMs: number): string {
  const offset = offsetMs(zone, atMs)
  const minutes = Math.abs(Math.round(offset / 60_000))
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0')
  const shown = new Date(atMs + offset).toISOString().slice(0, 19).replace('T', ' ')
  return `${shown} ${offset < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)} (${zone})`
}

/** How far clocks in a zone are ahead of UTC at an instant. */
function offsetMs(zone: string, atMs: number): number {
  let format = formats.get(zone)
  if (format === undefined) {
    const two = '2-digit'
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
    })
    formats.set(zone, format)
  }
  const parts = Object.fromEntries(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]))
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(atMs / 1000) * 1000
}
