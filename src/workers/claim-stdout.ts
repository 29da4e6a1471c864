import { Console } from 'node:console'
import { maskStream } from '../core/masked-output.js'

/** Keeps stdout for the protocol: whatever libraries print goes to stderr. */
export function claimStdout(): (message: object) => void {
  const write = process.stdout.write.bind(process.stdout)
  maskStream(process.stderr)
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof process.stdout.write
  globalThis.console = new Console(process.stderr, process.stderr)
  return (message) => {
    write(`${JSON.stringify(message)}\n`)
  }
}
