// An installation of llamacpp whose worker starts with a third of the CPU time, for the hundreds of tests that are about
// something else: same code, same binary. As it is shipped it is tested by llamacpp.test.ts and install.test.ts.

import {
  cpSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { mkdir, mkdtemp, readFile, rename } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { rolldown } from 'rolldown'
import { installedLlamacpp, testDataDir } from './tiny-model.js'

/** In a folder of its own, as one for all of XDG_DATA_HOME. */
export const quickDataDir = join(`${dirname(testDataDir)}-quick`, 'llem')

/** Resolves with its data folder, once llamacpp is in it. */
export async function quickLlamacpp(): Promise<string> {
  const shipped = await installedLlamacpp()
  const place = join(quickDataDir, 'backends/llamacpp', basename(shipped))
  if (existsSync(place)) return quickDataDir
  await mkdir(dirname(place), { recursive: true })
  const draft = await mkdtemp(join(quickDataDir, 'draft-'))
  try {
    linkBelow(shipped, draft)
    await bundleLibrary(join(draft, 'node_modules/node-llama-cpp/dist/index.js'))
    await adoptBinary(join(draft, 'node_modules'))
    await rename(draft, place)
  } catch (error) {
    // Another test file was first.
    if (!existsSync(place)) throw error
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return quickDataDir
}

/** The same files at another place, without copying 85 MB. */
function linkBelow(from: string, to: string): void {
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)]
    const kind = lstatSync(source)
    if (kind.isDirectory()) {
      mkdirSync(target)
      linkBelow(source, target)
    } else if (kind.isSymbolicLink()) cpSync(source, target, { verbatimSymlinks: true })
    else linkSync(source, target)
  }
}

/** Its 300 modules as one file at the place of the first: .15 s of CPU time for .72 to import it. */
async function bundleLibrary(entry: string): Promise<void> {
  const bundle = await rolldown({
    input: entry,
    platform: 'node',
    external: [/^node:/, /^@node-llama-cpp\//, 'electron'],
    plugins: [
      {
        name: 'places',
        // Each module finds its files from where it lies.
        transform: (code, id) =>
          code.replaceAll(
            'import.meta.url',
            `new URL(${JSON.stringify(relative(dirname(entry), id))}, import.meta.url).href`,
          ),
      },
    ],
    onLog: () => undefined,
  })
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  await bundle.close()
  rmSync(entry)
  writeFileSync(entry, output[0].code)
}

/** Its binary as one that was built here, which it does not try out in a process of its own at each start. */
async function adoptBinary(modules: string): Promise<void> {
  const [platform = ''] = readdirSync(join(modules, '@node-llama-cpp'))
  const prebuilt = join(modules, '@node-llama-cpp', platform, 'bins', platform)
  const build = join(modules, 'node-llama-cpp/llama/localBuilds', platform)
  mkdirSync(join(build, 'Release'), { recursive: true })
  linkBelow(prebuilt, join(build, 'Release'))
  const facts = join(build, 'Release/_nlcBuildMetadata.json')
  const metadata = JSON.parse(await readFile(facts, 'utf8'))
  metadata.buildOptions.platformInfo = await distribution()
  rmSync(facts)
  writeFileSync(facts, JSON.stringify(metadata))
  writeFileSync(join(build, 'buildDone.status'), '')
}

/** As node-llama-cpp reads it. */
async function distribution(): Promise<{ name: string; version: string }> {
  const text = await readFile('/etc/os-release', 'utf8')
  const value = (key: string) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1]
  return { name: value('NAME') ?? '', version: value('VERSION_ID') ?? value('VERSION') ?? '' }
}
