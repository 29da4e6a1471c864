import { z } from 'zod'
import { isTimeZone } from './time-zones.js'

/** What becomes of a round whose start has passed: left out, or all that were missed made up for by one at once. */
export const MISSED_ROUNDS = ['skip', 'once'] as const

const UNIT_S = { s: 1, m: 60, h: 3600, d: 86_400 } as const

const duration = z.string().regex(/^[1-9]\d{0,5}[smhd]$/)
const expects = 'a whole number with s, m, h or d, e.g. 30m or 6h'

/** `llem campaign` over and over, in the foreground. */
export const daemonSchema = z
  .strictObject({
    enabled: z.boolean().default(false).meta({
      description: 'Run the campaign over and over, in rounds; it needs `at` or `interval`.',
    }),
    at: z
      .string()
      .regex(/^([01]\d|2[0-3]):[0-5]\d$/)
      .nullable()
      .default(null)
      .meta({
        description:
          'Time of day at which the first round begins; null is at once. Where clocks are put forward past it, the first moment after; where they show it twice, the first.',
        expects: 'a time from 00:00 to 23:59, e.g. "02:30", or null',
      }),
    time_zone: z.string().refine(isTimeZone).nullable().default(null).meta({
      description: "Time zone of `at` and of what is shown; null is the machine's.",
      expects: 'a time zone of the IANA database, e.g. Europe/Berlin or UTC, or null',
      format: 'time-zone',
    }),
    interval: duration
      .nullable()
      .default(null)
      .meta({
        description:
          'From the start of a round to the start of the next; null is one round. Whole days after an `at` keep the time of day when clocks change.',
        expects: `${expects}, or null`,
      }),
    total_duration: duration
      .nullable()
      .default(null)
      .meta({
        description:
          'No round begins later than this after the first one; one that runs is finished. null is for ever.',
        expects: `${expects}, or null`,
      }),
    missed_rounds: z.enum(MISSED_ROUNDS).default('skip').meta({
      description:
        'Where a round took longer than the interval, or the machine was off: skip what was missed, or make up for all of it by one round at once. The schedule stays as it was.',
    }),
    quiet: z.boolean().default(true).meta({
      description:
        "No progress on the terminal, only lines about rounds; daemon.log in the campaign's folder has it.",
    }),
  })
  .prefault({})
  .meta({ description: 'The campaign as a daemon.' })

export type DaemonKeys = z.output<typeof daemonSchema>

/** Seconds of "30m". */
export function secondsOf(text: string): number {
  return Number(text.slice(0, -1)) * UNIT_S[text.slice(-1) as keyof typeof UNIT_S]
}

/** What joins several of these keys and is wrong; `key` is the one to look at. */
export function daemonProblems({
  enabled,
  at,
  interval,
  total_duration,
}: DaemonKeys): { key: 'enabled' | 'total_duration'; message: string }[] {
  if (!enabled) return []
  if (at === null && interval === null)
    return [
      {
        key: 'enabled',
        message:
          'a daemon needs daemon.at, e.g. "02:30", or daemon.interval, e.g. 6h: without both it has no rounds',
      },
    ]
  if (total_duration !== null && interval === null)
    return [
      {
        key: 'total_duration',
        message: `daemon.total_duration (${total_duration}) has no meaning without daemon.interval: there is one round`,
      },
    ]
  return []
}
