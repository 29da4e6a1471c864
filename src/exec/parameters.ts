// -L name v1,v2 -> all combinations, and what {name} stands for in each.

import { closest } from '../core/closest.js'

/** One list of -L. */
export interface Parameter {
  name: string
  values: string[]
}

/** What each parameter is in one combination. */
export type Values = Readonly<Record<string, string>>

const NAME = /^[A-Za-z_][\w-]*$/

/** "name=v1,v2" -> a parameter; what is wrong with it goes to `problems`. */
export function parameterOf(typed: string, problems: string[]): Parameter | null {
  const at = typed.indexOf('=')
  const [name, list] = at < 0 ? [typed, null] : [typed.slice(0, at), typed.slice(at + 1)]
  if (!NAME.test(name))
    problems.push(
      `-L ${JSON.stringify(name)} is no name: letters, digits, _ and -, as in -L size 1,2 for {size}`,
    )
  else if (list === null || list === '')
    problems.push(`-L ${name} has no values: write them after it, as in -L ${name} 1,2`)
  else return { name, values: valuesIn(list) }
  return null
}

/** A comma in a value has a backslash before it. */
function valuesIn(list: string): string[] {
  return (list.match(/(?:\\,|[^,])+|(?<=^|,)(?=,|$)/g) ?? []).map((value) => value.replaceAll('\\,', ','))
}

/** The product; the last parameter changes first. One combination of nothing where there is none. */
export function combinations(parameters: readonly Parameter[]): Values[] {
  return parameters.reduce<Values[]>(
    (all, { name, values }) => all.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))),
    [{}],
  )
}

/** The text with {name} replaced, once: a value that looks like a parameter is none. */
export function substituted(text: string, values: Values): string {
  return text.replace(/\{([A-Za-z_][\w-]*)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] as string) : whole,
  )
}

/** Whether {name} is in one of the texts. */
export function isUsed(name: string, texts: readonly string[]): boolean {
  return texts.some((text) => text.includes(`{${name}}`))
}

/** Lists that are named twice, and lists that are in no text, with what was meant. */
export function problemsOf(parameters: readonly Parameter[], texts: readonly string[]): string[] {
  const names = parameters.map(({ name }) => name)
  const written = texts.flatMap((text) =>
    [...text.matchAll(/\{([A-Za-z_][\w-]*)\}/g)].map(([, name = '']) => name),
  )
  const twice = new Set(names.filter((name, place) => names.indexOf(name) < place))
  return [
    ...[...twice].map((name) => `-L ${name} is given twice: put all its values into one list`),
    ...[...new Set(names)]
      .filter((name) => !isUsed(name, texts))
      .map((name) => {
        const meant = closest(
          name,
          written.filter((each) => !names.includes(each)),
        )
        const advice = meant === null ? '' : `; did you mean {${meant}} to be it?`
        return `-L ${name} is in no command line: write {${name}} where it goes${advice}`
      }),
  ]
}
