/** What a backend in Python is installed from. */
export interface PythonPackage {
  /** As pip reads them, pinned, so that every installation measures the same way. */
  requirements: readonly string[]
  /** Of the package that the backend is named after. */
  version: string
  /** Of the installation on the disk, for a person who waits for it. */
  size: string
}
