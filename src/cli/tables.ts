// Tables of words and numbers, as wide as the screen at most: a terminal that wraps a row leaves nothing to read.

import Table from 'cli-table3'
import { printableLines } from '../core/printable.js'
import { screenWidth } from './screen.js'

/** Between two columns. */
const GAP = 2
/** A last column of sentences is folded where it has this much room at least. */
const READABLE = 24
/** How far what has no room beside its name is moved in below it. */
const BELOW = 4

/**
 * Columns without lines; numbers are aligned to the right. Where they are wider than the screen the last one is folded if
 * it holds sentences, and otherwise the columns stand in several blocks below each other, each with the first column.
 */
export function columns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  width: number = screenWidth(process.stdout),
): string {
  // Here already, because it is as wide as it is shown.
  const table = [head, ...rows.map((row) => row.map(printableLines))]
  const widths = head.map((_, column) => Math.max(...table.map((row) => widest(row[column] ?? ''))))
  const all = head.map((_, column) => column)
  if (sumOf(widths) <= width) return laidOut(table, all, right)
  const last = all.length - 1
  const room = width - sumOf(widths.slice(0, -1)) - GAP
  const needed = Math.max(READABLE, ...table.flatMap((row) => (row[last] ?? '').split(/\s/).map(lengthOf)))
  if (last > 0 && !right.includes(last) && room >= needed && room >= lengthOf(head[last] ?? ''))
    return laidOut(withColumn(table, last, room), all, right)
  return inBlocks(table, widths, right, width)
}

/** Names and facts without a head. A fact is folded beside its name; a path that has no room there stands below it. */
export function facts(
  rows: readonly (readonly [name: string, fact: string])[],
  { indent = 2, width = screenWidth(process.stdout) }: { indent?: number; width?: number } = {},
): string {
  const all = rows.map((row) => row.map(printableLines) as [string, string])
  const nameWidth = indent + Math.max(0, ...all.map(([name]) => lengthOf(name))) + GAP
  const lines = all.flatMap(([name, fact]) => {
    const named = `${' '.repeat(indent)}${name}`
    const beside = folded(fact, width - nameWidth)
    if (beside.every((line) => lengthOf(line) <= width - nameWidth))
      return beside.map((line, place) => `${(place === 0 ? named : '').padEnd(nameWidth)}${line}`)
    return [named, ...folded(fact, width - BELOW).map((line) => `${' '.repeat(BELOW)}${line}`)]
  })
  return lines
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .join('\n')
}

/** The first column with as many others as have room beside it, then with the next ones. */
function inBlocks(
  table: readonly (readonly string[])[],
  widths: readonly number[],
  right: readonly number[],
  width: number,
): string {
  const firstRoom = Math.max(1, Math.min(widths[0] ?? 0, Math.floor(width / 2)))
  const room = Math.max(1, width - firstRoom - GAP)
  const blocks: number[][] = []
  let left = 0
  for (const [place, natural] of widths.slice(1).entries()) {
    const needed = Math.min(natural, room)
    if (blocks.length === 0 || needed > left) {
      blocks.push([0])
      left = room
    }
    blocks.at(-1)?.push(place + 1)
    left -= needed + GAP
  }
  const fitting = widths.reduce<readonly (readonly string[])[]>(
    (whole, natural, column) =>
      natural <= (column === 0 ? firstRoom : room)
        ? whole
        : withColumn(whole, column, column === 0 ? firstRoom : room),
    table,
  )
  return (blocks.length === 0 ? [[0]] : blocks).map((block) => laidOut(fitting, block, right)).join('\n')
}

function laidOut(
  [head = [], ...rows]: readonly (readonly string[])[],
  shown: readonly number[],
  right: readonly number[],
): string {
  const of = (row: readonly string[]) => shown.map((column) => row[column] ?? '')
  const line = { top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '' }
  const table = new Table({
    head: of(head),
    chars: {
      ...line,
      'bottom-left': '',
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: ' '.repeat(GAP),
    },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: shown.map((column) => (right.includes(column) ? 'right' : 'left')),
  })
  table.push(...rows.map(of))
  return table
    .toString()
    .split('\n')
    .map((text) => text.trimEnd())
    .join('\n')
}

/** The table with one column that is no wider than this. */
function withColumn(
  table: readonly (readonly string[])[],
  column: number,
  room: number,
): readonly (readonly string[])[] {
  return table.map((row) =>
    row.map((cell, place) => (place === column ? folded(cell, room).flatMap(broken(room)).join('\n') : cell)),
  )
}

/** Lines of whole words, as long as there is room; a word that is longer has a line of its own. */
function folded(text: string, room: number): string[] {
  return text.split('\n').flatMap((whole) => {
    if (lengthOf(whole) <= room) return [whole]
    const lines: string[] = []
    for (const word of whole.split(' ')) {
      const last = lines.at(-1)
      if (last === undefined || lengthOf(last) + 1 + lengthOf(word) > room) lines.push(word)
      else lines[lines.length - 1] = `${last} ${word}`
    }
    return lines
  })
}

/** A word that is too long, cut where its parts end, or anywhere if they are too long as well. */
function broken(room: number): (word: string) => string[] {
  return (word) => {
    const pieces: string[] = []
    let rest = [...word]
    while (rest.length > room) {
      const seam = rest.slice(0, room).findLastIndex((character) => /[,;:/=._-]/.test(character))
      const end = seam + 1 > room / 2 ? seam + 1 : room
      pieces.push(rest.slice(0, end).join(''))
      rest = rest.slice(end)
    }
    return [...pieces, rest.join('')]
  }
}

function widest(text: string): number {
  return Math.max(...text.split('\n').map(lengthOf))
}

/** As far as every character takes one column. */
function lengthOf(text: string): number {
  return [...text].length
}

function sumOf(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, GAP * Math.max(0, widths.length - 1))
}
