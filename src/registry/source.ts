// Where a model that was asked for by name is, and what it was found to be.

import type { ModelSource } from '../results/identity.js'

/** What a backend loads: one file with its parts, a folder of safetensors, or either. */
export type ModelShape = 'gguf' | 'folder' | 'either'

/** A file of a repository, as the hub lists it. */
export interface HubFile {
  path: string
  bytes: number
  /** The name of its content in the cache: the SHA-256 of large files, the git id of others. */
  etag: string
  /** Null of a small file, of which the hub tells the git id alone. */
  sha256: string | null
}

/** Files of one commit that are to be on this machine. */
export interface HubPlan {
  repository: string
  /** What was asked for, by which the cache remembers the commit. */
  revision: string
  commit: string
  files: HubFile[]
  /** What the backend gets: the first file, or the folder of them all. */
  shape: 'gguf' | 'folder'
}

/** A file of a model on this machine; in the order of the files of its source. */
export interface FileHere {
  file: string
  /** What its bytes are to come to: a SHA-256, or the id that git gives a small file; null where nothing says it. */
  expected: string | null
}

export type Located =
  | { state: 'here'; path: string; source: ModelSource; files: FileHere[] }
  | { state: 'absent'; plan: HubPlan; source: ModelSource; missingBytes: number }
