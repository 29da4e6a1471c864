// Whether a campaign uses containers at all, and the files that it is started from. No engine is needed for that.

import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { llem } from '../native/llem.js'

/** A campaign whose model no backend can load, in a folder of its own; with a compose file where that is given. */
async function campaign(
  docker: string,
  { compose, env = {} }: { compose?: string; env?: NodeJS.ProcessEnv } = {},
) {
  const dir = scratchFolder()
  const text = `campaign_name: choice
model: ${join(dir, 'none.gguf')}
execution: { cycles: 1 }
docker: ${docker}
experiments: [{ n_prompts: 1 }]
io: { results_dir: ${join(dir, 'results')} }
`
  writeFileSync(join(dir, 'campaign.yaml'), text)
  if (compose !== undefined) writeFileSync(join(dir, 'compose.yaml'), compose)
  return llem(['campaign', join(dir, 'campaign.yaml'), '--simulate', '--yes'], {
    env: { DOCKER_HOST: `unix://${dir}/no-engine`, ...env },
    cwd: dir,
  })
}

const ONE_SERVICE = 'services: { pytorch: { image: none } }\n'

/** Programs that answer as Compose of either spelling, or not at all. */
function onPath(programs: Record<string, string>): NodeJS.ProcessEnv {
  const bin = join(scratchFolder(), 'bin')
  mkdirSync(bin)
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return { PATH: bin }
}

const WITH_PLUGIN = {
  docker: 'if [ "$1" = compose ]; then exit 0; fi; echo "Cannot connect to the daemon" >&2; exit 1',
}

describe('where experiments run', () => {
  it('is this machine where there is no compose file, and nothing is said of it', async () => {
    const { stderr } = await campaign('{}')
    expect(stderr).not.toMatch(/docker|compose/i)
    expect(stderr).toContain('MODEL_NOT_FOUND')
  })

  it('is this machine where docker.enabled is false', async () => {
    const { stderr } = await campaign('{ enabled: false }', { compose: ONE_SERVICE })
    expect(stderr).not.toMatch(/engine/)
  })

  it('is this machine where no engine answers, and that is said', async () => {
    const { stderr } = await campaign('{}', { compose: ONE_SERVICE, env: onPath(WITH_PLUGIN) })
    expect(stderr).toMatch(
      /Note: no Docker engine answers: Cannot connect to the daemon, so \S+compose\.yaml is not used and everything runs on this machine\./,
    )
    expect(stderr).toContain('MODEL_NOT_FOUND')
  })

  it.for([
    ['DOCKER_UNREACHABLE', WITH_PLUGIN, /no Docker engine answers: .* Start it, look at DOCKER_HOST/],
    ['DOCKER_MISSING', {}, /neither `docker compose` nor `docker-compose` works here. Install Docker/],
  ] as const)(
    'is an error before anything runs where Docker was asked for: %s',
    async ([code, programs, text]) => {
      const { code: exit, stderr } = await campaign('{ enabled: true }', {
        compose: ONE_SERVICE,
        env: onPath(programs),
      })
      expect(exit).toBe(1)
      expect(stderr).toMatch(text)
      expect(stderr).toContain(`[${code}]`)
      expect(stderr).not.toContain('MODEL_NOT_FOUND')
    },
  )

  it('needs the compose file that was named', async () => {
    const { code, stderr } = await campaign('{ compose_file: other.yaml }', { compose: ONE_SERVICE })
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /there is no compose file \S+\/other\.yaml\. .*llem campaign init --docker.*\[COMPOSE_FILE_MISSING\]/,
    )
  })
})

describe('llem campaign init', () => {
  it('writes a campaign that can be run as it stands', async () => {
    const dir = scratchFolder()
    expect(await llem(['campaign', 'init'], { cwd: dir })).toMatchObject({ code: 0 })
    const loaded = loadCampaign({ path: join(dir, 'campaign.yaml') })
    expect(loaded.ok && loaded.experiments.length).toBe(4)
  })

  it('writes a compose file that both spellings of Compose read, without a secret and with cheap health checks', async (context) => {
    const dir = scratchFolder()
    expect(await llem(['campaign', 'init', '--docker'], { cwd: dir })).toMatchObject({ code: 0 })
    const text = readFileSync(join(dir, 'compose.yaml'), 'utf8')
    expect(text).not.toMatch(/HF_TOKEN\s*[:=]/)
    expect(text).not.toMatch(/import torch|nvidia-smi/)
    const spellings = [['docker', 'compose'], ['docker-compose']].filter(([program = '', ...args]) => {
      try {
        execFileSync(program, [...args, 'version'], { stdio: 'ignore' })
        return true
      } catch {
        return false
      }
    })
    if (spellings.length === 0) context.skip('Compose is missing (scripts/setup-debian.sh)')
    for (const [program = '', ...args] of spellings) {
      const listed = execFileSync(program, [...args, 'config', '--services'], { cwd: dir, encoding: 'utf8' })
      expect(listed.trim().split('\n').sort()).toEqual(['pytorch', 'tensorrt', 'vllm'])
    }
  })

  it('never writes over a file', async () => {
    const dir = scratchFolder()
    const file = join(dir, 'mine.yaml')
    writeFileSync(file, 'mine')
    const { code, stderr } = await llem(['campaign', 'init', '--docker', file])
    expect(code).toBe(2)
    expect(stderr).toMatch(/mine\.yaml is there already\. .* \[FILE_EXISTS\]/)
    expect(readFileSync(file, 'utf8')).toBe('mine')
    expect(existsSync(join(dir, 'compose.yaml'))).toBe(false)
  })
})
