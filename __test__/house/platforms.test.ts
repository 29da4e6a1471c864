// The machines that llem knows: the target list, the packages, and what it says on every other machine.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { packageFor, withoutNativePart } from '../../dist/native/platform.js'
import { platformOf, targets } from '../../scripts/platform.mjs'
import { root } from './sources.js'

const manifestOf = (folder: string) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
const llem = manifestOf('.')
const platforms: string[] = targets().map(platformOf)

describe('the packages', () => {
  it('are one for each target of package.json', () => {
    expect(readdirSync(join(root, 'npm')).sort()).toEqual([...platforms].sort())
  })

  it.each(platforms)('for %s have the name and the files that the loader looks for', (platform) => {
    const manifest = manifestOf(join('npm', platform))
    const [os, cpu, libc] = platform.split('-')
    expect(manifest).toMatchObject({
      name: `llem-${platform}`,
      version: llem.version,
      main: `llem.${platform}.node`,
      files: [`llem.${platform}.node`, 'sim/libnvidia-ml.so.1'],
      os: [os],
      cpu: [cpu],
      libc: [libc === 'gnu' ? 'glibc' : libc],
      engines: llem.engines,
    })
    const loader = readFileSync(join(root, 'crates/binding/index.js'), 'utf8')
    expect(loader).toContain(`require('${manifest.name}')`)
    expect(loader).toContain(`'${llem.version}' && process.env`)
  })

  it('are built, tried and published by the release workflow', () => {
    const workflow = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8')
    const listed = [...workflow.matchAll(/^ +- platform: (\S+)$/gm)].map(([, platform]) => platform)
    // Once in what builds it and once in what tries it.
    expect(listed.sort()).toEqual([...platforms, ...platforms].sort())
  })

  it('are the only ones that any message suggests', () => {
    for (const platform of ['linux', 'darwin', 'win32', 'freebsd', 'android'])
      for (const arch of ['x64', 'arm64', 'arm', 'riscv64', 'loong64', 'ia32'])
        for (const hasGlibc of [true, false]) {
          const machine = { platform, arch, hasGlibc }
          const text = `${packageFor(machine) ?? ''} ${withoutNativePart(machine)}`
          for (const [, named] of text.matchAll(/\bllem-([a-z]+-[a-z0-9-]+)/g))
            expect(platforms).toContain(named)
        }
    expect(platforms.map((platform) => `llem-${platform}`).sort()).toEqual(
      ['x64', 'arm64']
        .flatMap((arch) => [
          packageFor({ platform: 'linux', arch, hasGlibc: true }),
          packageFor({ platform: 'linux', arch, hasGlibc: false }),
        ])
        .sort(),
    )
  })

  it('have the version of the crates', () => {
    const cargo = readFileSync(join(root, 'Cargo.toml'), 'utf8')
    expect(cargo).toContain(`[workspace.package]\nversion = "${llem.version}"`)
  })
})

describe('a machine without NVML', () => {
  it.each(['darwin', 'win32'])('gets its version, and a message that says so: %s', (platform) => {
    expect(llemOn(platform, '--version')).toMatchObject({ status: 0, stderr: '' })
    const { status, stderr } = llemOn(platform, 'devices')
    expect(stderr).toContain(`llem measures through NVML, which is not there on ${platform}-${process.arch}.`)
    expect(stderr).toContain('llem measures on the Linux machine that has the GPU.')
    expect(stderr).not.toMatch(/\bllem-[a-z]/)
    expect(status).toBe(1)
  })
})

/** Runs llem in a process that takes itself for one on another system. */
function llemOn(platform: string, ...args: string[]) {
  const pretence = `Object.defineProperty(process, 'platform', { value: '${platform}' })`
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(pretence)}`]
  return spawnSync(process.execPath, [...preload, join(root, 'bin/llem.js'), ...args], { encoding: 'utf8' })
}
