// What a finding means, for `llem explain` and the reference: a table of these stands beside what makes the finding.

export interface Meaning {
  /** What it means for who reads the number. */
  meaning: string
  /** What is looked at, and the threshold. */
  evidence: string
  /** What to do; null where nothing can or need be done. */
  advice: string | null
}

/** By the code of the finding. */
export type Meanings = Readonly<Record<string, Meaning>>
