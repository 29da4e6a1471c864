// The machines that llem knows: the target list, the packages, and what it says on every other machine.

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
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
    const [os, cpu] = platform.split('-')
    expect(manifest).toMatchObject({
      name: `llem-${platform}`,
      version: llem.version,
      main: `llem.${platform}.node`,
      files: [`llem.${platform}.node`, 'sim/libnvidia-ml.so.1'],
      os: [os],
      cpu: [cpu],
      libc: ['glibc'],
      engines: llem.engines,
    })
    const loader = readFileSync(join(root, 'crates/binding/index.js'), 'utf8')
    expect(loader).toContain(`require('${manifest.name}')`)
    expect(loader).toContain(`'${llem.version}' && process.env`)
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
    expect(status).toBe(1)
  })
})

/** Runs llem in a process that takes itself for one on another system. */
function llemOn(platform: string, ...args: string[]) {
  const pretence = `Object.defineProperty(process, 'platform', { value: '${platform}' })`
  const preload = ['--import', `data:text/javascript,${encodeURIComponent(pretence)}`]
  return spawnSync(process.execPath, [...preload, join(root, 'bin/llem.js'), ...args], { encoding: 'utf8' })
}
