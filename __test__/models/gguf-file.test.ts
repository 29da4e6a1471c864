import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { GgufCursor, GgufFormatError } from '../../dist/models/gguf/cursor.js'
import { readGgufModel } from '../../dist/models/gguf/file.js'
import { readGgufHeader } from '../../dist/models/gguf/header.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { ggufBytes, u64 } from './gguf-bytes.js'

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const folder = scratchFolder()
const model = tinyModel(folder, 'tiny')

function written(name: string, bytes: Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, bytes)
  return path
}

const read = (bytes: Buffer) => () => readGgufHeader(GgufCursor.ofBuffer(bytes))

describe('readGgufModel', () => {
  it('reads a whole file', () => {
    const { version, tensors, metadata } = readGgufModel(model)
    expect(version).toBe(3)
    expect(tensors).toHaveLength(21)
    expect(metadata.get('tokenizer.ggml.tokens')).toEqual({ length: 323, numbers: null })
  })

  it.each([
    ['is not there', () => join(folder, 'none.gguf'), 'MODEL_NOT_FOUND'],
    ['is a folder', () => folder, 'MODEL_UNREADABLE'],
    ['is empty', () => written('empty.gguf', Buffer.alloc(0)), 'MODEL_UNREADABLE'],
    [
      'is a web page',
      () => written('page.gguf', Buffer.from('<!doctype html><title>404</title>')),
      'MODEL_UNREADABLE',
    ],
    ['is cut in half', () => written('half.gguf', half(readFileSync(model))), 'MODEL_UNREADABLE'],
    [
      'lacks its last byte',
      () => written('almost.gguf', readFileSync(model).subarray(0, -1)),
      'MODEL_UNREADABLE',
    ],
    [
      'ends in its header',
      () => written('head.gguf', readFileSync(model).subarray(0, 999)),
      'MODEL_UNREADABLE',
    ],
  ])('refuses a model that %s', (_, path, code) => {
    expect(() => readGgufModel(path())).toThrow(expect.objectContaining({ code, kind: 'usage' }))
  })

  it('says how much of a cut file is there', () => {
    const path = written('cut.gguf', half(readFileSync(model)))
    expect(() => readGgufModel(path)).toThrow(/it has 120272 bytes of 240544, so it is incomplete/)
  })

  it('puts a model in several files together, given any of them', () => {
    const parts = join(folder, 'parts')
    mkdirSync(parts)
    for (const part of [1, 2]) {
      const metadata = {
        'split.count': 2,
        'split.no': part - 1,
        ...(part === 1 && { 'general.architecture': 'x' }),
      }
      const head = ggufBytes(metadata, [{ name: `blk.${part}.w`, dimensions: [4] }])
      writeFileSync(join(parts, `m-0000${part}-of-00002.gguf`), Buffer.concat([head, Buffer.alloc(64)]))
    }
    const header = readGgufModel(join(parts, 'm-00002-of-00002.gguf'))
    expect(header.tensors.map(({ name }) => name)).toEqual(['blk.1.w', 'blk.2.w'])
    expect(header.metadata.get('general.architecture')).toBe('x')
  })

  it('says what a part of a model must be called', () => {
    const path = written('m.gguf', Buffer.concat([ggufBytes({ 'split.count': 12 }, []), Buffer.alloc(64)]))
    expect(() => readGgufModel(path)).toThrow(
      'it is one of 12 files, but its name does not end in -00001-of-00012.gguf',
    )
  })

  it('misses the part of a model that is not there', () => {
    const lone = Buffer.concat([ggufBytes({ 'split.count': 3 }, []), Buffer.alloc(64)])
    const path = written('m-00001-of-00003.gguf', lone)
    expect(() => readGgufModel(path)).toThrow(expect.objectContaining({ code: 'MODEL_NOT_FOUND' }))
  })
})

describe('readGgufHeader', () => {
  const start = (version: number) => Buffer.concat([Buffer.from('GGUF'), Buffer.of(version, 0, 0, 0)])

  it.each([
    [
      'a pointer of Git LFS',
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 240544\n'),
      'pointer of Git LFS',
    ],
    ['text that begins like one', Buffer.from('version 1 of something'), 'letters GGUF'],
    ['version 1', Buffer.concat([start(1), u64(0), u64(0)]), 'version is 1'],
    ['big endian', Buffer.concat([Buffer.from('GGUF'), Buffer.of(0, 0, 0, 3), u64(0), u64(0)]), 'big endian'],
    ['more tensors than any model', Buffer.concat([start(3), u64(2n ** 60n), u64(0)]), 'claims'],
    ['more keys than any model', Buffer.concat([start(3), u64(0), u64(2n ** 63n)]), 'claims'],
    [
      'a key longer than the file',
      Buffer.concat([start(3), u64(0), u64(1), u64(4000)]),
      'ends in the middle',
    ],
    ['a key of 4 EB', Buffer.concat([start(3), u64(0), u64(1), u64(2n ** 62n)]), 'claims'],
    ['five dimensions', ggufBytes({}, [{ name: 'x', dimensions: [1, 1, 1, 1, 1] }]), '5 dimensions'],
    ['a tensor of 2^60 elements', ggufBytes({}, [{ name: 'x', dimensions: [2 ** 30, 2 ** 30] }]), 'elements'],
  ])('refuses %s', (_, bytes, message) => {
    expect(read(bytes)).toThrow(GgufFormatError)
    expect(read(bytes)).toThrow(message)
  })

  it('reads version 2, which differs from 3 in nothing that concerns little-endian files', () => {
    expect(read(ggufBytes({ a: 'b' }, [], 2))().metadata.get('a')).toBe('b')
  })

  it('survives every cut and every flipped byte of a real header with a value or a GgufFormatError', () => {
    const bytes = readFileSync(model).subarray(0, 12_000)
    for (let position = 0; position < bytes.length; position += 7) {
      const flipped = Buffer.from(bytes)
      flipped[position] = (flipped[position] ?? 0) ^ 0xff
      for (const broken of [flipped, bytes.subarray(0, position)]) {
        try {
          read(broken)()
        } catch (error) {
          expect(error).toBeInstanceOf(GgufFormatError)
        }
      }
    }
  })
})

function half(bytes: Buffer): Buffer {
  return bytes.subarray(0, bytes.length / 2)
}
