import { printable } from './printable.js'

/**
 * Text that Markdown, and the HTML within it, shows as it is: no table cell, link, mention or heading comes of it. By
 * entities, which mean the same in a cell and out of it.
 */
export function markdownText(text: string): string {
  return printable(text).replace(/[&<>|`*_[\]~\\#@!$]|https?:|www\./gi, (found) =>
    [...found]
      .map((char) => (/[a-z]/i.test(char) && found.length > 1 ? char : `&#${char.codePointAt(0)};`))
      .join(''),
  )
}
