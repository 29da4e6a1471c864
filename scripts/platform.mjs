import { readFileSync } from 'node:fs'

const NODE_NAMES = { x86_64: 'x64', aarch64: 'arm64' }

/** The target triples of package.json. */
export function targets() {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).napi.targets
}

/** What napi-rs calls the machine of a target triple: x86_64-unknown-linux-gnu -> linux-x64-gnu. */
export function platformOf(triple) {
  const [cpu, , system, libc] = triple.split('-')
  return `${system}-${NODE_NAMES[cpu] ?? cpu}-${libc}`
}

/** The platform of this machine; llem has no native part for one that is not Linux. */
export function hostPlatform() {
  return `${process.platform}-${process.arch}-${hasGlibc() ? 'gnu' : 'musl'}`
}

/** False on Alpine and other systems with musl. */
function hasGlibc() {
  return process.report.getReport().header.glibcVersionRuntime !== undefined
}
