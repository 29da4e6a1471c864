import { EXIT, Exit } from './exit.js'
import { say } from './screen.js'

/** With --require-energy, joules that were lost end a command with exit code 1, and it says why. */
export function requireEnergy(joules: number | null, reason: string | null): void {
  if (joules !== null) return
  say(
    `llem: The energy was not measured, which --require-energy asks for: ${reason ?? 'unknown'} [ENERGY_LOST]`,
  )
  throw new Exit(EXIT.failed)
}
