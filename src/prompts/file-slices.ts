import { type FileHandle, open } from 'node:fs/promises'
import type { AsyncBuffer } from 'hyparquet'

/**
 * A file for the decoder of tables. Its own reader streams a slice, joins the pieces and copies them: three times the
 * memory of a row group, where one is enough.
 */
export async function fileSlices(path: string): Promise<AsyncBuffer & { close(): Promise<void> }> {
  const file = await open(path, 'r')
  const { size } = await file.stat()
  // Rows are decoded in steps, and each step asks for the whole column of its row group again.
  let latest: { start: number; end: number; slice: Promise<ArrayBuffer> } | null = null
  return {
    byteLength: size,
    slice(start, end = size) {
      if (latest?.start !== start || latest.end !== end)
        latest = { start, end, slice: sliceOf(file, start, Math.min(end, size)) }
      return latest.slice
    },
    close: () => file.close(),
  }
}

async function sliceOf(file: FileHandle, start: number, end: number): Promise<ArrayBuffer> {
  const slice = new ArrayBuffer(Math.max(0, end - start))
  const bytes = new Uint8Array(slice)
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done)
    if (bytesRead === 0) throw new Error('the file ends before what it says is in it')
    done += bytesRead
  }
  return slice
}
