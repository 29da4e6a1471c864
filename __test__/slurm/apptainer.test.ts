// Inference in an image of Apptainer. No Apptainer is here: a double takes the command line of its documentation
// (https://apptainer.org/docs/user/latest/cli/apptainer_exec.html) and runs the program outside.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ApptainerExecutor, imageId } from '../../dist/executors/apptainer.js'
import type { Executor } from '../../dist/executors/executor.js'
import type { RunOrder } from '../../dist/executors/protocol.js'
import { inService } from '../../dist/workers/service.js'
import { scratchFolder } from '../backends/tiny-model.js'

const path = process.env.PATH
let folder = ''
let image = ''

beforeEach(() => {
  folder = scratchFolder()
  mkdirSync(join(folder, 'bin'))
  mkdirSync(join(folder, 'model'))
  image = join(folder, 'worker.sif')
  const header = Buffer.alloc(128)
  header.write('#!/usr/bin/env run-singularity\n', 0)
  header.write('SIF_MAGIC\0', 32)
  header.fill(0xab, 48, 64)
  writeFileSync(image, header)
  const double = `#!/bin/sh
echo "$@" | head -1 > ${folder}/called
[ "$1" = exec ] || exit 9; shift
while :; do case $1 in --nv) shift;; --bind) shift 2;; *) break;; esac; done
[ -f "$1" ] || exit 8; shift
exec "$@"
`
  writeFileSync(join(folder, 'bin', 'apptainer'), double, { mode: 0o755 })
  process.env.PATH = `${join(folder, 'bin')}:${path}`
})
afterEach(() => {
  process.env.PATH = path
})

/** What the executor hands on, instead of a run. */
async function handedOn(config: Record<string, unknown>): Promise<RunOrder> {
  let handed: RunOrder | null = null
  const local = {
    name: 'local',
    run: async (order: RunOrder) => {
      handed = order
      throw new Error('enough')
    },
  } as unknown as Executor
  const order = { config, output_dir: folder, simulate: true, keep_loaded: false, service: null }
  const options = { timeoutMs: 1000, onEvent: () => undefined, signal: undefined }
  await new ApptainerExecutor(local, image).run(order, options).catch((error: Error) => {
    if (error.message !== 'enough') throw error
  })
  if (handed === null) throw new Error('nothing was handed on')
  return handed
}

it('starts a worker by apptainer exec --nv, with the model bound, and its stdin and stdout are ours', async () => {
  const { service } = await handedOn({ backend: 'pytorch', model: join(folder, 'model') })
  if (service === null) throw new Error('it runs in no image')
  expect(service.image_id).toBe(`sif:${'ab'.repeat(16)}`)
  const script = 'import os,sys;print(os.environ["ANSWER"], sys.stdin.readline().strip())'
  const run = {
    backend: 'pytorch',
    run: { script },
    stdin: 'relay',
    from: {},
    env: { ANSWER: '42' },
  } as const
  const { command, args, preamble } = inService(service, run)
  const said = execFileSync(command, [...args], { input: `${preamble}\nhello\n`, encoding: 'utf8' })
  expect(said).toBe('42 hello\n')
  const called = readFileSync(join(folder, 'called'), 'utf8')
  expect(called).toContain(`exec --nv --bind ${folder}/model:${folder}/model:ro ${image} python3 -u -c `)
})

it('leaves alone what is part of llem', async () => {
  expect((await handedOn({ backend: 'llamacpp', model: 'x.gguf' })).service).toBe(null)
})

it('says what is missing', async () => {
  writeFileSync(join(folder, 'plain'), 'no image')
  expect(imageId(join(folder, 'plain'))).toBe('unknown')
  process.env.PATH = '/nowhere'
  await expect(handedOn({ backend: 'pytorch', model: 'x' })).rejects.toMatchObject({
    code: 'APPTAINER_MISSING',
  })
  process.env.PATH = join(folder, 'bin')
  image = join(folder, 'gone.sif')
  await expect(handedOn({ backend: 'pytorch', model: 'x' })).rejects.toMatchObject({ code: 'IMAGE_MISSING' })
})
