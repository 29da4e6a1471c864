import { closest } from '../core/closest.js'

/** Whether this machine's IANA database has a time zone of this name. */
export function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text })
    return true
  } catch {
    return false
  }
}

/** The time zone that a mistyped name or a city alone was meant to be; null where none is near. */
export function nearestTimeZone(text: string): string | null {
  const zones = Intl.supportedValuesOf('timeZone')
  const zone = closest(text, zones)
  if (zone !== null) return zone
  const cities = zones.map(cityOf)
  const city = closest(text.trim().replace(/\s+/g, '_'), cities)
  return city === null ? null : (zones[cities.indexOf(city)] ?? null)
}

function cityOf(zone: string): string {
  return zone.slice(zone.lastIndexOf('/') + 1)
}
