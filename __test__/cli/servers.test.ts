import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { listOf, scriptedServer } from '../backends/scripted-server.js'
import { llem } from '../native/llem.js'

const originOf = (baseUrl: string) => new URL(baseUrl).origin

/** Takes connections and says nothing. */
async function silentServer(): Promise<string> {
  const server = createServer(() => undefined).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`
}

describe('llem servers', () => {
  it('lists who answers, with engine, version and models, and says how to measure one', async () => {
    const vllm = await scriptedServer({
      routes: {
        '/v1/models': listOf({ id: "org/it's", owned_by: 'vllm', max_model_len: 4096 }),
        '/version': { version: '0.11.0' },
      },
    })
    const web = await scriptedServer({ routes: { '/': { hello: 'I am a web page' } } })
    const urls = [originOf(vllm.baseUrl), originOf(web.baseUrl), 'http://127.0.0.1:1', await silentServer()]
    const { code, stdout, stderr, tookMs } = await llem(['servers', ...urls])
    expect(code).toBe(0)
    expect(stdout.trim().split('\n')).toHaveLength(2)
    expect(stdout).toMatch(new RegExp(`${urls[0]} +vllm 0\\.11\\.0 +-b vllm +org/it's`))
    expect(stderr).toContain(`llem run -m 'org/it'\\''s' -b vllm --set vllm.base_url=${urls[0]}`)
    expect(tookMs).toBeLessThan(15_000)
    const found = JSON.parse((await llem(['servers', ...urls, '--json'])).stdout)
    expect(found).toEqual([
      {
        url: urls[0],
        engine: 'vllm',
        engine_version: '0.11.0',
        backend: 'vllm',
        models: ["org/it's"],
        reason: null,
      },
    ])
  })

  it('says where it looked when there is none, and refuses what is no address', async () => {
    const none = await llem(['servers', '1'])
    expect(none).toMatchObject({ code: 0, stdout: '' })
    expect(none.stderr).toContain('No inference server answers at http://127.0.0.1:1.')
    const wrong = await llem(['servers', 'ftp://host'])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain('as 8001 or http://node7:8000')
  })
})
