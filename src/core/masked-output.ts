import { mask } from './secrets.js'

/** From now on nothing that is written to this stream as text holds a secret, whoever writes it. */
export function maskStream(stream: NodeJS.WriteStream): void {
  const write = stream.write.bind(stream)
  stream.write = ((chunk: string | Uint8Array, ...rest: []) =>
    write(typeof chunk === 'string' ? mask(chunk) : chunk, ...rest)) as typeof stream.write
}
