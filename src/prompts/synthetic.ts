import type { Prompt } from './prompt.js'
import { randomFrom } from './random.js'

/** A load of prompts that are alike in everything but their words. Lengths are tokens. */
export interface SyntheticPrompts {
  input_len: number
  output_len: number
  seed: number
}

const WORDS =
  `able acid aged also area army away baby back ball band bank base bath bear beat been beer bell belt
best bird blow blue boat body bond bone book born both bowl bulk burn bush busy cake call calm came camp card care
case cash cast cell chat chip city club coal coat code cold come cook cool cope copy core cost crew crop dark data
date dawn days dead deal dean dear debt deep deny desk dial diet disc disk dock does done door dose down draw drew
drop drug dual duke dust duty each earn ease east easy edge else even ever evil exit face fact fail fair fall farm
fast fate fear feed feel feet fell felt file fill film find fine fire firm fish five flat flow food foot ford form
fort four free from fuel full fund gain game gate gave gear gene gift girl give glad goal goes gold golf gone good
gray grew grey grow gulf hair half hall hand hang hard harm hate have head hear heat held hell help here hero high
hill hire hold hole holy home hope host hour huge hung hunt hurt idea inch into iron item jack jean join jump jury
just keen keep kent kept kick kind king knee knew know lack lady laid lake land lane last late lead left less life
lift like line link list live load loan lock logo long look lord lose loss lost love luck made mail main make male
many mark mass meal mean meat meet menu mere mile milk mill mind mine miss mode mood moon more most move much must
name navy near neck need news next nice nine none nose note okay once only onto open oral over pace pack page paid
pain pair palm park part pass past path peak pick pink pipe plan play plot plug plus poll pool poor port post pull
pure push race rail rain rank rare rate read real rear rely rent rest rice rich ride ring rise risk road rock role`
    .split(/\s+/)
    .filter((word) => word !== '')

/**
 * The prompts `from` to `from + count` of a seed's endless list. One word is at least one token in any
 * tokenizer, so a text of `input_len` words is long enough and the worker cuts it to the token.
 */
export function syntheticPrompts(
  { input_len, output_len, seed }: SyntheticPrompts,
  from: number,
  count: number,
): Prompt[] {
  return Array.from({ length: count }, (_, index) => {
    const random = randomFrom(seed, from + index)
    const words = wordsFrom(random, input_len)
    return { text: words.join(' '), input_tokens: input_len, output_tokens: output_len }
  })
}

/** Words drawn one after the other. */
export function wordsFrom(random: () => number, count: number): string[] {
  return Array.from({ length: count }, () => WORDS[Math.floor(random() * WORDS.length)] ?? '')
}
