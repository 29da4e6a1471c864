import type { GpuChoice } from '../backend.js'

/** The pinned release of node-llama-cpp; its binary packages carry the same number. */
export const LLAMACPP_VERSION = '3.22.1'

/** The library's entry point inside an installation. */
export const LIBRARY_ENTRY = 'node_modules/node-llama-cpp/dist/index.js'

/** What can be installed: the CPU build alone, or beside it a build for a kind of GPU. */
export type Build = Exclude<GpuChoice, 'auto'>

// Names from `npm view node-llama-cpp optionalDependencies`. "-ext" holds CUDA code for further architectures.
const CPU: Readonly<Record<string, string>> = {
  x64: '@node-llama-cpp/linux-x64',
  arm64: '@node-llama-cpp/linux-arm64',
}
const GPU: Readonly<Record<string, Partial<Record<Build, readonly string[]>>>> = {
  x64: {
    cuda: ['@node-llama-cpp/linux-x64-cuda', '@node-llama-cpp/linux-x64-cuda-ext'],
    vulkan: ['@node-llama-cpp/linux-x64-vulkan'],
  },
}

/**
 * The npm packages of a build for a machine, null where there is no prebuilt one. The CPU package is always
 * among them, so that `gpu: none` works with every installation.
 */
export function packagesOf(build: Build, platform: NodeJS.Platform, arch: string): string[] | null {
  const cpu = platform === 'linux' ? CPU[arch] : undefined
  if (cpu === undefined) return null
  if (build === 'none') return ['node-llama-cpp', cpu]
  const gpu = GPU[arch]?.[build]
  return gpu === undefined ? null : ['node-llama-cpp', cpu, ...gpu]
}
