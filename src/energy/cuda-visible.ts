// CUDA_VISIBLE_DEVICES as CUDA reads it. The oracle is PyTorch's parser (torch.cuda, `_parse_visible_devices` and
// `_transform_uuid_to_ordinals`), which was written after the driver; the tests hold this one against it.

/** What the variable names: ordinals, or UUIDs and prefixes of them, of one kind in one list. */
export type VisibleList =
  | { ordinals: number[]; uuids?: undefined }
  | { uuids: string[]; ordinals?: undefined }

const KINDS = ['GPU-', 'MIG-'] as const

/**
 * The entries up to the first that is none. A list that names one twice is void, as is one that begins with what is none. Numbers
 * are read as C's strtoul does: what follows their digits is passed over, so `1gpu` is 1.
 */
export function visibleList(text: string): VisibleList {
  const kind = KINDS.find((prefix) => text.startsWith(prefix))
  const entries = text.split(',')
  if (kind === undefined) return { ordinals: untilInvalid(entries.map(ordinalIn), (ordinal) => ordinal >= 0) }
  return { uuids: untilInvalid(entries, (uuid) => uuid.startsWith(kind)) }
}

/** The number that a text begins with; -1 where it begins with none. */
function ordinalIn(text: string): number {
  const [number] = /^[+-]?\d+/.exec(text.trim()) ?? []
  return number === undefined ? -1 : Number(number)
}

function untilInvalid<T>(entries: readonly T[], isValid: (entry: T) => boolean): T[] {
  const taken: T[] = []
  for (const entry of entries) {
    if (taken.includes(entry)) return []
    if (!isValid(entry)) break
    taken.push(entry)
  }
  return taken
}
