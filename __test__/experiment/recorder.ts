import type { Observer } from '../../dist/progress/observer.js'

/** An observer that writes down what it is told, stretches as "Warmup 0/50 prompt". */
export function recorder(): { observer: Observer; notes: string[]; details: string[]; stretches: string[] } {
  const notes: string[] = []
  const details: string[] = []
  const stretches: string[] = []
  return {
    notes,
    details,
    stretches,
    observer: {
      note: (text) => notes.push(text),
      detail: (text) => details.push(text),
      progress: ({ label, total, unit }) => {
        stretches.push(`${label} 0/${total} ${unit}`)
        return {
          update: (done, detail = '') => stretches.push(`${label} ${done}/${total} ${unit} ${detail}`.trim()),
          stop: () => stretches.push(`${label} ends`),
        }
      },
    },
  }
}
