// node sampler.mjs ADDON [NVML]: llem's sampler by itself. Each line of stdin is one of
//
//   {"open": {"uuid": "GPU-...", "index": 0, "intervalMs": 10}}       -> {"opened": "instant"}
//   {"measure": [[startS, lengthS], ...]}                             -> {"reports": [...]}, when the last has ended
//   {"close": true}                                                   -> {"closed": true}
//
// and each answer is a line on stdout, {"error": ...} where it fails. The windows may overlap; startS counts from the line's arrival.
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

const [addonPath, nvmlPath] = process.argv.slice(2)
const addon = createRequire(import.meta.url)(resolve(addonPath))
const library = nvmlPath === undefined ? {} : { libraryPath: nvmlPath }
let sampler

const commands = {
  async open({ uuid, index, intervalMs }) {
    sampler = addon.NativeSampler.open({
      devices: [{ uuid, index }],
      intervalMs,
      slowIntervalMs: 100,
      ...library,
    })
    await sleep(Math.ceil(sampler.preRollLeftMs()))
    return { opened: sampler.powerDomains()[0] }
  },
  async measure(windows) {
    return { reports: await Promise.all(windows.map(([startS, lengthS]) => measure(startS, lengthS))) }
  },
  close() {
    sampler?.close()
    sampler = undefined
    return { closed: true }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const [[name, options]] = Object.entries(JSON.parse(line))
  try {
    console.log(JSON.stringify(await commands[name](options)))
  } catch (error) {
    console.log(JSON.stringify({ error: `${name}: ${error.message}` }))
  }
}

async function measure(startS, lengthS) {
  await sleep(startS * 1000)
  const { id } = sampler.beginWindow({})
  await sleep(lengthS * 1000)
  const { report, fault } = await sampler.endWindow(id)
  return { lengthS, fault, ...report }
}
