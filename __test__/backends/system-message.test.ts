import { describe, expect, it } from 'vitest'
import { preparePrompt } from '../../dist/backends/llamacpp/tokens.js'
import type { Generation, Prompt } from '../../dist/backends/protocol.js'
import { preparePrompts } from '../../dist/backends/server/prompts.js'
import { requestBody } from '../../dist/backends/server/request-body.js'

const generation: Generation = {
  ...{ max_tokens: 8, temperature: 0, top_p: 1, top_k: 0, seed: 1 },
  ignore_eos: false,
}
const PROMPT: Prompt = { system: 'Be brief.', text: 'Hello' }

async function sent(endpoint: 'chat' | 'completions', prompt: Prompt): Promise<Record<string, unknown>> {
  const context = { connection: {} as never, dialect: 'vllm' as const, model: 'm', endpoint }
  const { prompts } = await preparePrompts([prompt], generation, context)
  const [prepared] = prompts
  if (prepared === undefined) throw new Error('nothing was prepared')
  return JSON.parse(
    requestBody(prepared, generation, {
      endpoint,
      model: 'm',
      dialect: 'vllm',
      leftOut: new Set(),
      extraBody: {},
    }),
  )
}

describe('what the system is told', () => {
  it('is a message of its own at the chat endpoint', async () => {
    expect((await sent('chat', PROMPT)).messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hello' },
    ])
    expect((await sent('chat', { text: 'Hello' })).messages).toEqual([{ role: 'user', content: 'Hello' }])
  })

  it('comes before the text where there are no messages', async () => {
    expect((await sent('completions', PROMPT)).prompt).toBe('Be brief.\n\nHello')
    const texts: string[] = []
    const model = {
      tokens: { bos: null, shouldPrependBosToken: false },
      tokenize: (text: string) => {
        texts.push(text)
        return [1, 2, 3]
      },
    }
    preparePrompt(PROMPT, generation, model as never, 64)
    expect(texts).toEqual(['Be brief.\n\nHello'])
  })
})
