import { codePrompts } from './builtin/code.js'
import { questionPrompts } from './builtin/questions.js'
import { reasoningPrompts } from './builtin/reasoning.js'
import { textPrompts } from './builtin/texts.js'
import { writingPrompts } from './builtin/writing.js'

const byTask = [questionPrompts, textPrompts, codePrompts, reasoningPrompts, writingPrompts]
// One of each task in turn, from short to long.
const inTurn = Array.from({ length: Math.max(...byTask.map((task) => task.length)) }, (_, place) =>
  byTask.flatMap((task) => task[place] ?? []),
).flat()
/** Shares no factor with the number of prompts, so that every prompt is visited once. */
const STRIDE = 47

/**
 * Prompts written for llem, in English: five kinds of task, from four words to some three hundred. They are
 * ordered so that the first n, for any n, mix tasks and lengths.
 */
export const builtinPrompts: readonly string[] = inTurn.map(
  (_, index) => inTurn[(index * STRIDE) % inTurn.length] ?? '',
)
