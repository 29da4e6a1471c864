import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

const STANDARD_STREAMS = [0, 1, 2]

/**
 * Lets llem end cleanly also after its terminal was closed. Node gives a terminal its settings back as it ends and aborts
 * where that fails, but leaves alone what is no longer the same file. So at the end nothing takes the place of a
 * terminal that is gone.
 */
export function outliveTerminal(): void {
  const terminals = STANDARD_STREAMS.filter((fd) => isatty(fd))
  process.on('exit', () => {
    for (const fd of terminals.filter((fd) => !isatty(fd))) replace(fd)
  })
}

/** What is opened next gets the lowest number that is free, so the one that was closed just now. */
function replace(fd: number): void {
  try {
    closeSync(fd)
    openSync('/dev/null', 'r+')
  } catch {
    // Then it ends as badly as it did before.
  }
}
