// Comma-separated values as RFC 4180 has them: quotes around fields with separators, quotes or lines of their own. The
// separator is what the header has most of: a comma, a semicolon or a tab.

import { LIMITS } from './limits.js'

const MAX_FIELDS = 10_000

/** A record of the file, by the names of the header; a sentence where it is none. */
export interface Row {
  /** The line on which it begins, from 1. */
  number: number
  fields: Record<string, string> | string
}

/** The header of a file and its records. */
export interface CsvFile {
  columns: string[]
  rows: AsyncGenerator<Row>
  /** For who does not read the rows. */
  close(): Promise<void>
}

/** Reads the header; the records are read as they are asked for. Null for a file without a line. */
export async function csvOf(chunks: AsyncIterable<string>): Promise<CsvFile | null> {
  const records = recordsOf(chunks)
  const header = await records.next()
  const close = async () => void (await records.return(undefined))
  if (header.done === true || typeof header.value.fields === 'string') {
    await close()
    return null
  }
  const columns = header.value.fields.map((name) => name.trim())
  return { columns, rows: rowsOf(records, columns), close }
}

interface Fields {
  number: number
  fields: string[] | string
}

async function* rowsOf(records: AsyncGenerator<Fields>, columns: readonly string[]): AsyncGenerator<Row> {
  for await (const { number, fields } of records) {
    if (typeof fields === 'string') yield { number, fields }
    else if (fields.length === 1 && fields[0] === '') continue
    else if (fields.length > columns.length)
      yield {
        number,
        fields: `${fields.length} fields for ${columns.length} columns; quote fields with separators`,
      }
    else
      yield { number, fields: Object.fromEntries(columns.map((name, index) => [name, fields[index] ?? ''])) }
  }
}

async function* recordsOf(chunks: AsyncIterable<string>): AsyncGenerator<Fields> {
  const state = new RecordState()
  for await (const chunk of chunks) yield* state.read(chunk)
  yield* state.end()
}

/** Where in a file the reader is. */
class RecordState {
  #separator: string | null = null
  #head = ''
  #fields: string[] = []
  #field = ''
  #isQuoted = false
  /** A quote was read within quotes: the end of them, or the first half of a quote that is meant. */
  #mayEnd = false
  #line = 1
  #startLine = 1
  #isTooLong = false

  #add(text: string): void {
    if (this.#field.length + text.length > LIMITS.prompt_line_chars) this.#isTooLong = true
    else this.#field += text
  }

  *read(chunk: string): Generator<Fields> {
    let text = chunk
    if (this.#separator === null) {
      // The separator shows in the header, which is wanted whole.
      this.#head += chunk
      if (!this.#head.includes('\n') && this.#head.length < LIMITS.prompt_line_chars) return
      text = this.#head
      this.#separator = separatorOf(text)
    }
    yield* this.#records(text, this.#separator)
  }

  *end(): Generator<Fields> {
    if (this.#separator === null) {
      if (this.#head === '') return
      this.#separator = separatorOf(this.#head)
      yield* this.#records(this.#head, this.#separator)
    }
    if (this.#isQuoted && !this.#mayEnd) {
      yield { number: this.#startLine, fields: 'a quote that is opened is not closed' }
      return
    }
    if (this.#field !== '' || this.#fields.length > 0) yield this.#record()
  }

  *#records(text: string, separator: string): Generator<Fields> {
    let start = 0
    for (let at = 0; at < text.length; at += 1) {
      const char = text[at]
      if (char === '\n') this.#line += 1
      if (this.#isQuoted && !this.#mayEnd) {
        if (char !== '"') continue
        this.#add(text.slice(start, at))
        start = at + 1
        this.#mayEnd = true
      } else if (char === '"' && this.#mayEnd) {
        // Two quotes are one.
        this.#add('"')
        start = at + 1
        this.#mayEnd = false
      } else if (char === '"' && this.#field === '' && start === at) {
        this.#isQuoted = true
        start = at + 1
      } else if (char === separator || char === '\n') {
        this.#add(text.slice(start, at))
        start = at + 1
        this.#endField()
        if (char === '\n') yield this.#record()
      }
    }
    this.#add(text.slice(start))
  }

  #endField(): void {
    if (this.#fields.length < MAX_FIELDS) this.#fields.push(this.#field.replace(/\r$/, ''))
    else this.#isTooLong = true
    this.#field = ''
    this.#isQuoted = false
    this.#mayEnd = false
  }

  #record(): Fields {
    if (this.#field !== '') this.#endField()
    const fields = this.#isTooLong
      ? `it has more than ${MAX_FIELDS} fields, or one of more than ${LIMITS.prompt_line_chars} characters`
      : this.#fields
    const number = this.#startLine
    this.#fields = []
    this.#isTooLong = false
    this.#startLine = this.#line
    return { number, fields }
  }
}

function separatorOf(text: string): string {
  const header = text.slice(0, text.includes('\n') ? text.indexOf('\n') : text.length)
  const counts = [',', ';', '\t'].map((separator) => ({ separator, count: header.split(separator).length }))
  return counts.reduce((most, each) => (each.count > most.count ? each : most)).separator
}
