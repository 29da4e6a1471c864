// GPUs that NVML does not know: their sensors are files of the kernel below /sys (crates/meter/src/source/sysfs/).

/** Whether a GPU is one of those, which its UUID says. */
export function isOfSysfs({ uuid }: { uuid: string }): boolean {
  return uuid.startsWith('AMD-') || uuid.startsWith('PCI-')
}

/**
 * Where they are looked for; undefined: nowhere. Beside GPUs that are simulated, or a library that was named, those of this
 * machine have no place, unless a folder was named too.
 */
export function sysfsOfGpus(libraryPath: string | undefined): string | undefined {
  return process.env.LLEM_SYSFS_ROOT || (libraryPath === undefined ? '/sys' : undefined)
}
