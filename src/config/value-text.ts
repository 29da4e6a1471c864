import { isFreeText, type SchemaNode } from './json-schema.js'
import { readYaml } from './yaml-text.js'

/**
 * Reads the text of a variable, a `--set` or a flag as a YAML value. Where the key takes free text, what is no
 * YAML text is taken as it stands: `--set experiment_name=2024` means the name.
 */
export function readValue(text: string, node: SchemaNode): { value: unknown } | { message: string } {
  const { value, faults } = readYaml(text)
  const fault = faults[0]
  if (isFreeText(node)) {
    const asWritten = fault === undefined && (typeof value === 'string' || value === null)
    return { value: asWritten ? value : text.trim() }
  }
  return fault === undefined ? { value: value ?? null } : { message: fault.message }
}
