import { Buffer } from 'node:buffer'

/** How a secret may be written: as it is, in a URL, in JSON, and inside of something that was turned into base64. */
export function formsOf(secret: string): Set<string> {
  return new Set([secret, ...escapedInJson(secret), ...inUrls(secret), ...insideBase64(secret)])
}

/** With and without the characters beyond ASCII; and a JSON text inside of another. */
function escapedInJson(secret: string): string[] {
  const once = JSON.stringify(secret).slice(1, -1)
  if (once === secret && /^[\0-\x7e]*$/.test(secret)) return []
  const ascii = once.replace(
    /[^\0-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return [once, ascii, JSON.stringify(once).slice(1, -1), JSON.stringify(ascii).slice(1, -1)]
}

/** Libraries differ in whether they escape "/" and "!'()*", write a space as "+", and hexadecimal digits small. */
function inUrls(secret: string): string[] {
  if (/^[\w.~-]*$/.test(secret)) return []
  let component: string
  try {
    component = encodeURIComponent(secret)
  } catch {
    return [] // Half of a surrogate pair has no form in a URL.
  }
  const variants = [
    (text: string) => text.replaceAll('%2F', '/'),
    (text: string) => text.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`),
    (text: string) => text.replaceAll('%20', '+'),
    (text: string) => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ]
  let forms = [component]
  for (const vary of variants) forms = [...new Set([...forms, ...forms.map(vary)])]
  return forms
}

/**
 * What base64 makes of it with any bytes before and after: it depends on where it begins among groups of three bytes, and
 * the characters at both ends that hold neighbours' bits too are left away.
 */
function insideBase64(secret: string): string[] {
  const bytes = Buffer.from(secret, 'utf8')
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    const core = text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
