// Where llem's native part is, and what to say where it is not.

/** A machine, as node names it. `hasGlibc`: false on Alpine and other systems with musl. */
export interface Platform {
  platform: string
  arch: string
  hasGlibc: boolean
}

/** This machine. */
export function thisPlatform(): Platform {
  const { platform, arch } = process
  if (platform !== 'linux') return { platform, arch, hasGlibc: false }
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } }
  return { platform, arch, hasGlibc: header.glibcVersionRuntime !== undefined }
}

/** The package with the native part, null where none is made. */
export function packageFor({ platform, arch, hasGlibc }: Platform): string | null {
  const isMade = platform === 'linux' && (arch === 'x64' || arch === 'arm64')
  return isMade ? `llem-linux-${arch}-${hasGlibc ? 'gnu' : 'musl'}` : null
}

const WITHOUT_IT = '`llem show`, `export`, `report` and `compare` read results here'

/** What to do where the native part is missing. */
export function withoutNativePart(machine: Platform): string {
  const name = packageFor(machine)
  if (name !== null)
    return `Install it with npm install ${name}, or with optional dependencies (npm install llem --include=optional); in a clone, npm run build builds it.`
  if (machine.platform === 'linux')
    return `It is prebuilt for x64 and arm64: build it in a clone with npm run build. ${WITHOUT_IT}.`
  return `llem measures on the Linux machine that has the GPU. ${WITHOUT_IT}.`
}
