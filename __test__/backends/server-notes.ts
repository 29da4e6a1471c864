// What llem notes of a server, but for what a busy machine adds by itself: answers that came late, or in one piece.

import type { RunTotals } from '../../dist/backends/protocol.js'

const OF_A_BUSY_MACHINE = /^(stream_buffered|answers_end_late):/

export function notesOf({ served }: RunTotals): string[] | undefined {
  return served?.notes.filter((note) => !OF_A_BUSY_MACHINE.test(note))
}
