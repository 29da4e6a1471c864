/** One paragraph on stderr: the message, what to do next, a code; no stack trace and no bug. */
export function paragraph(code: string): RegExp {
  return new RegExp(`^llem: (?!this is a bug)(?:(?!\\n\\s+at )[\\s\\S])+[.!?] \\[${code}\\]\\n$`)
}
