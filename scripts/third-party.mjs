// The licence texts of what llem's packages contain of others: of the npm packages in the bundle of the command, and of
// the crates in the addon and the simulated library. Written into each package by pack.mjs.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const IS_LICENCE = /^(licen[cs]e|copying|notice)/i

/** What `package.json` depends on, with all that those bring. */
export function thirdPartyOfNpm() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const shipped = Object.entries(packages).filter(
    ([path, { dev, optional, link }]) => path !== '' && !dev && !optional && !link,
  )
  return notices(
    shipped.map(([path]) => {
      const { name, version, license, author } = JSON.parse(
        readFileSync(join(root, path, 'package.json'), 'utf8'),
      )
      return { name, version, licence: license, authors: nameOf(author), folder: join(root, path) }
    }),
  )
}

/** What the addon and the simulated library are linked from. */
export function thirdPartyOfCrates() {
  const options = ['--format-version', '1', '--locked', '--filter-platform', 'x86_64-unknown-linux-gnu']
  const metadata = JSON.parse(
    execFileSync('cargo', ['metadata', ...options], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 }),
  )
  const members = new Set(metadata.workspace_members)
  const linked = linkedBy(members, metadata.resolve.nodes)
  return notices(
    metadata.packages
      .filter(({ id }) => linked.has(id) && !members.has(id))
      .map(({ name, version, license, authors, manifest_path }) => ({
        name,
        version,
        licence: license,
        authors: authors.map(nameOf).join(', '),
        folder: dirname(manifest_path),
      })),
  )
}

/** The ids of all packages that these need, but for building and testing. */
function linkedBy(members, nodes) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const found = new Set()
  const waiting = [...members]
  while (waiting.length > 0) {
    const id = waiting.pop()
    if (found.has(id)) continue
    found.add(id)
    const linked = byId.get(id).deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null))
    waiting.push(...linked.map(({ pkg }) => pkg))
  }
  return found
}

/** "Name <mail>" or npm's object, without the mail. */
function nameOf(author) {
  const text = typeof author === 'string' ? author : (author?.name ?? '')
  return text.replace(/\s*[<(].*$/, '')
}

/** Each text once, below the packages that it is of: most crates carry the same Apache licence. */
function notices(packages) {
  const sorted = packages.sort((a, b) => nameAndVersion(a).localeCompare(nameAndVersion(b)))
  const own = sorted.map((shipped) => ({ shipped, texts: textsIn(shipped.folder) }))
  const apache = own.flatMap(({ texts }) => texts).find((text) => /Apache License\s+Version 2\.0/.test(text))
  const owners = new Map()
  for (const { shipped, texts } of own) {
    for (const text of texts.length > 0 ? texts : [standardText(shipped, apache)]) {
      const key = text.replaceAll(/\s+/g, ' ')
      owners.set(key, { text, of: [...(owners.get(key)?.of ?? []), nameAndVersion(shipped)] })
    }
  }
  const list = sorted.map((shipped) => `  ${nameAndVersion(shipped)} (${shipped.licence})`)
  const parts = [...owners.values()].map(({ text, of }) => `${of.join(', ')}\n\n${text}\n`)
  const line = `\n${'-'.repeat(72)}\n\n`
  return `llem contains code of these packages:\n\n${list.join('\n')}\n${line}${parts.join(line)}`
}

function nameAndVersion({ name, version }) {
  return `${name} ${version}`
}

/** The licence files of a package. */
function textsIn(folder) {
  const names = readdirSync(folder).filter((name) => IS_LICENCE.test(name) && !/\.(md5|sig|json)$/.test(name))
  return names.sort().map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim())
}

/** For a package that names its licence and has no file of it. */
function standardText({ name, version, licence, authors }, apache) {
  if (/\bMIT\b/.test(licence)) {
    const mit = readFileSync(join(root, 'LICENSE'), 'utf8')
    return mit.replace(/^Copyright.*$/m, `Copyright (c) ${authors || `the authors of ${name}`}`)
  }
  if (/Apache-2\.0/.test(licence) && apache !== undefined) return apache
  throw new Error(`${name} ${version} has no licence file and llem has no text of ${licence}`)
}
