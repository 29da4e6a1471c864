// HTML out of templates that escape whatever is put into them: names of models, servers and files are data.

import { printable } from '../core/printable.js'

/** HTML that is safe as it is. Only `html` and `raw` make it. */
export class Markup {
  constructor(readonly text: string) {}
}

/** What may stand in a template; null, undefined and false are nothing. */
export type Part = Markup | string | number | null | undefined | false | readonly Part[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for an element or a quoted attribute. Control characters and those that turn the reading direction are shown by code. */
export function escaped(text: string): string {
  return printable(text).replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '')
}

/** A template whose parts are escaped unless they are markup themselves. */
export function html(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(strings.map((text, at) => (at < parts.length ? text + textOf(parts[at]) : text)).join(''))
}

/** What this program itself wrote: styles, scripts, paths of numbers. */
export function raw(text: string): Markup {
  return new Markup(text)
}

/** A long name, which may be broken after what separates its parts and not within one. */
export function breakable(text: string): Markup {
  return new Markup(escaped(text).replace(/[_=/,](?=[^;\s])/g, '$&<wbr>'))
}

/** Text with lines of its own, as in `pre`. */
export function lines(text: string): Markup {
  return new Markup(text.split('\n').map(escaped).join('\n'))
}

/** JSON for a `script` element: nothing in it ends the element or begins a comment. */
export function json(value: unknown): Markup {
  return new Markup(
    JSON.stringify(value).replace(
      /[<>&\u2028\u2029]/g,
      (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  )
}

function textOf(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  return escaped(String(part))
}
