export type Part =
  | number
  | string
  | { token: string }
  | { end: string }
  | { hold: number }
  | { breakOff: true }

export function momentsOf(script: readonly Part[]): { firstMs: number | null; lastMs: number | null }
