// The zoo: what servers send, as public issues and their sources tell, and what is right. Everything that `right` leaves out
// is as in RIGHT.
import { BLANKS, CLAIMS, refused } from './claims.mjs'
import {
  breakOff,
  COUNT,
  chat,
  chats,
  DONE,
  end,
  event,
  hold,
  lengthEnds,
  spoken,
  stops,
  text,
  texts,
  token,
  usage,
  WORDS,
} from './parts.mjs'

export const RIGHT = {
  output: COUNT,
  input: 10,
  source: 'usage',
  /** How the answer came. */
  verdict: 'stream',
  /** By which rules the witnesses were settled. */
  explained: [],
  /** They disagree for no reason that is known. */
  isDoubted: false,
  finish: 'stop',
  /** Why it is no answer: code and words. */
  error: null,
}

const LETTERS = 'one after another'
const usageOfAll = usage(10, COUNT)
const thought = spoken((reasoning_content) => chat({ reasoning_content }))
const failed = (code, words) => ({ error: [code, words] })
const STRAY_ERROR = '{"error":{"message":"upstream connect error","type":"server_error"}}\n'

const VLLM = [
  {
    name: 'vLLM: completions, usage in a last chunk without choices',
    script: [...texts, lengthEnds, usageOfAll, DONE],
    right: { finish: 'length' },
  },
  {
    name: 'vLLM: chat, a role first',
    script: [20, chat({ role: 'assistant', content: '' }), ...chats, stops, usageOfAll, DONE],
  },
  {
    name: 'vLLM: continuous_usage_stats, the count so far in each chunk',
    script: [
      ...spoken((word, at) =>
        event({
          choices: [{ index: 0, text: word, finish_reason: at === COUNT - 1 ? 'length' : null }],
          usage: { prompt_tokens: 10, completion_tokens: at + 1, total_tokens: at + 11 },
        }),
      ),
      usageOfAll,
      DONE,
    ],
    right: { finish: 'length' },
  },
  {
    name: 'vLLM: the end-of-text token is counted and brings no text',
    script: [...chats, stops, usage(10, COUNT + 1), DONE],
    right: { output: COUNT + 1 },
  },
  {
    name: 'vLLM: an ignored end-of-text token comes as an empty text',
    script: [...texts, 4, token(text('')), lengthEnds, usage(10, COUNT + 1), DONE],
    right: { output: COUNT + 1, finish: 'length' },
  },
  {
    name: 'vLLM: thoughts in delta.reasoning, within the usage',
    script: [...spoken((reasoning) => chat({ reasoning })), ...chats, stops, usage(10, 2 * COUNT), DONE],
    right: { output: 2 * COUNT },
  },
  {
    name: 'vLLM: four tokens a chunk',
    script: [...spoken((word) => text(word.repeat(4))), lengthEnds, usage(10, 4 * COUNT), DONE],
    right: { output: 4 * COUNT, verdict: 'bursts', explained: ['tokens_per_chunk'], finish: 'length' },
  },
  {
    name: 'vLLM, older: a flat error in the stream',
    script: [
      ...texts,
      event({ object: 'error', message: 'prompt is too long', type: 'BadRequestError', code: 400 }),
      DONE,
    ],
    right: failed('STREAM_ERROR', 'prompt is too long'),
  },
  {
    name: 'vLLM: an answer that was aborted',
    script: [...texts, end(text('', { finish_reason: 'abort' })), usageOfAll, DONE],
    right: failed('STREAM_ERROR', 'the server gave up the answer (finish_reason: abort)'),
  },
]

const SGLANG = [
  {
    name: 'SGLang: usage null in each chunk',
    script: [
      ...spoken((content) =>
        event({
          choices: [
            {
              index: 0,
              delta: { content, reasoning_content: null, tool_calls: null },
              finish_reason: null,
              matched_stop: null,
            },
          ],
          usage: null,
        }),
      ),
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'SGLang: thoughts, and their count beside the others',
    script: [...thought, ...chats, stops, usage(10, 2 * COUNT, { reasoning_tokens: COUNT }), DONE],
    right: { output: 2 * COUNT },
  },
  {
    name: 'SGLang: an error in the stream',
    script: [
      ...texts,
      event({ error: { object: 'error', message: 'Out of memory', type: 'InternalServerError', code: 500 } }),
    ],
    right: failed('STREAM_ERROR', 'Out of memory'),
  },
]

const TGI = [
  {
    name: 'TGI, older: no usage and no [DONE]',
    script: [...chats, end(chat({ content: '' }, { finish_reason: 'eos_token' }))],
    right: { input: null, source: 'chunks', explained: ['no_usage'] },
  },
  {
    name: 'TGI: the count in details',
    script: [
      ...spoken((word, at) =>
        event({
          choices: [{ index: 0, text: word, finish_reason: at === COUNT - 1 ? 'length' : null }],
          details: at === COUNT - 1 ? { finish_reason: 'length', generated_tokens: COUNT } : null,
        }),
      ),
    ],
    right: { input: null, finish: 'length' },
  },
  {
    name: 'TGI: an error with its type beside it',
    script: [
      event({
        error: 'Input validation error: `inputs` must have less than 1024 tokens',
        error_type: 'validation',
      }),
    ],
    right: failed('STREAM_ERROR', 'Input validation error: `inputs` must have less than 1024 tokens'),
  },
]

const TENSORRT = [
  {
    name: 'TensorRT-LLM: text and reason in one chunk, then usage',
    script: [
      ...spoken((word, at) => text(word, { finish_reason: at === COUNT - 1 ? 'length' : null })),
      usageOfAll,
      DONE,
    ],
    right: { finish: 'length' },
  },
  {
    name: 'Triton: the usage of each chunk alone',
    script: [
      ...spoken((word, at) =>
        event({
          choices: [{ index: 0, text: word, finish_reason: at === COUNT - 1 ? 'length' : null }],
          usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
        }),
      ),
      DONE,
    ],
    right: { finish: 'length' },
  },
  {
    name: 'Triton: the usage of each chunk alone, then that of all',
    script: [
      ...spoken((word) =>
        event({
          choices: [{ index: 0, text: word }],
          usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11 },
        }),
      ),
      end(
        event({
          choices: [{ index: 0, text: '', finish_reason: 'length' }],
          usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
        }),
      ),
      DONE,
    ],
    right: { finish: 'length' },
  },
]

const LLAMACPP = [
  {
    name: 'llama.cpp: usage and timings with the reason',
    script: [
      ...chats,
      end(
        event({
          choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
          usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
          timings: { prompt_n: 4, predicted_n: COUNT, cache_n: 6 },
        }),
      ),
      DONE,
    ],
  },
  {
    name: 'llama.cpp: timings alone, part of the prompt from its cache',
    script: [
      ...chats,
      end(
        event({
          choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
          timings: { prompt_n: 4, predicted_n: COUNT, cache_n: 6 },
        }),
      ),
      DONE,
    ],
  },
  {
    name: 'llama.cpp, older: an error in a field of its own',
    script: [...texts, 'error: {"code":500,"message":"context shift is disabled","type":"server_error"}\n\n'],
    right: failed('STREAM_ERROR', 'context shift is disabled'),
  },
  {
    name: 'llama.cpp: an error as data',
    script: [
      event({
        error: {
          code: 400,
          message: 'the request exceeds the available context size',
          type: 'exceed_context_size_error',
        },
      }),
    ],
    right: failed('STREAM_ERROR', 'the request exceeds the available context size'),
  },
]

const OLLAMA = [
  {
    name: 'Ollama: an empty content with the reason',
    script: [
      ...chats,
      end(chat({ role: 'assistant', content: '' }, { finish_reason: 'stop' })),
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'Ollama: thoughts in delta.reasoning beside an empty content',
    script: [
      ...spoken((reasoning) => chat({ role: 'assistant', content: '', reasoning })),
      ...chats,
      stops,
      usage(10, 2 * COUNT),
      DONE,
    ],
    right: { output: 2 * COUNT },
  },
  {
    name: 'Ollama: its own counts instead of usage',
    script: [
      ...chats,
      end(
        event({
          choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
          prompt_eval_count: 10,
          eval_count: COUNT,
        }),
      ),
      DONE,
    ],
  },
]

const LMSTUDIO = [
  {
    name: 'LM Studio: an error with status 200, not framed',
    script: ['{"error":"Unexpected endpoint or method. (POST /v1/completions)"}'],
    headers: { 'content-type': 'application/json' },
    right: failed('STREAM_ERROR', 'Unexpected endpoint or method. (POST /v1/completions)'),
  },
  {
    name: 'LM Studio: an event that is called error',
    script: ['event: error\ndata: {"message":"The model has crashed without additional information"}\n\n'],
    right: failed('STREAM_ERROR', 'The model has crashed without additional information'),
  },
  {
    name: 'an event that is called error and is no JSON',
    script: [...texts, 'event: error\ndata: upstream is gone\n\n'],
    right: failed('STREAM_ERROR', 'upstream is gone'),
  },
]

const LITELLM = [
  {
    name: 'LiteLLM: usage beside an empty delta',
    script: [
      ...chats,
      stops,
      event({
        choices: [{ index: 0, delta: {} }],
        usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
      }),
      DONE,
    ],
  },
  {
    name: 'LiteLLM: the error of whoever it asked',
    script: [
      ...chats,
      event({
        error: {
          message: 'litellm.APIConnectionError: OpenAIException - peer closed connection',
          type: null,
          param: null,
          code: '500',
        },
      }),
    ],
    right: failed('STREAM_ERROR', 'litellm.APIConnectionError: OpenAIException - peer closed connection'),
  },
  {
    name: 'LiteLLM: a streamed answer that was not streamed to it',
    script: [150, ...WORDS.map((content) => token(chat({ content }))), stops, usageOfAll, DONE],
    right: { verdict: 'buffered' },
  },
]

const LMDEPLOY = [
  {
    name: 'LMDeploy: an empty finish_reason is none',
    script: [...spoken((content) => chat({ content }, { finish_reason: '' })), stops, usageOfAll, DONE],
  },
  {
    name: 'LMDeploy: usage with the reason, no [DONE]',
    script: [
      ...chats,
      end(
        event({
          choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
        }),
      ),
    ],
  },
]

const crlf = (part) => (typeof part === 'string' ? part.replaceAll('\n', '\r\n') : part)
const inCrlf = (script) =>
  script.map((part) =>
    part.token === undefined
      ? part.end === undefined
        ? crlf(part)
        : end(crlf(part.end))
      : token(crlf(part.token)),
  )
const OPENVINO = [
  { name: 'OpenVINO: lines that end with CRLF', script: inCrlf([...chats, stops, usageOfAll, DONE]) },
  {
    name: 'OpenVINO: tokens whose characters come one by one',
    script: [
      ...spoken((_, at) => chat({ content: LETTERS[at] }), { count: LETTERS.length }),
      stops,
      usageOfAll,
      DONE,
    ],
    right: { explained: ['chunks_per_token'] },
  },
]

const OPENROUTER = [
  {
    name: 'OpenRouter: comments while it works',
    script: [
      ': OPENROUTER PROCESSING\n\n',
      10,
      ': OPENROUTER PROCESSING\n\n',
      ...chats,
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'OpenRouter: a choice that failed in the middle',
    script: [
      ...chats,
      event({
        error: { code: 502, message: 'Provider disconnected' },
        choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }],
      }),
    ],
    right: failed('STREAM_ERROR', 'Provider disconnected'),
  },
  {
    name: 'OpenRouter: what the provider said',
    script: [
      event({
        error: {
          code: 429,
          message: 'Provider returned error',
          metadata: { raw: '{"error":{"message":"rate limit of the upstream"}}', provider_name: 'Zoo' },
        },
      }),
    ],
    right: failed('STREAM_ERROR', 'Provider returned error: rate limit of the upstream'),
  },
]

const ANSWER = { 'content-type': 'application/json' }
const XAI = [
  {
    name: 'xAI: thoughts beside completion_tokens',
    script: [
      ...spoken((reasoning_content) => chat({ reasoning_content }), { count: 36 }),
      ...spoken((content) => chat({ content }), { count: 4 }),
      stops,
      usage(10, 4, { total_tokens: 50, completion_tokens_details: { reasoning_tokens: 36 } }),
      DONE,
    ],
    right: { output: 40, explained: ['reasoning_outside'] },
  },
  {
    name: 'xAI: thoughts alone, completion_tokens 0',
    script: [
      ...thought,
      stops,
      usage(10, 0, { total_tokens: 10 + COUNT, completion_tokens_details: { reasoning_tokens: COUNT } }),
      DONE,
    ],
    right: { explained: ['reasoning_outside'] },
  },
  {
    name: 'thoughts beside completion_tokens, and no total',
    script: [
      ...thought,
      ...spoken((content) => chat({ content }), { count: 2 }),
      stops,
      event({
        choices: [],
        usage: {
          prompt_tokens: 10,
          completion_tokens: 2,
          completion_tokens_details: { reasoning_tokens: COUNT },
        },
      }),
      DONE,
    ],
    right: { output: COUNT + 2, explained: ['reasoning_outside'] },
  },
  {
    name: 'thoughts that no count holds',
    script: [...thought, ...spoken((content) => chat({ content }), { count: 2 }), stops, usage(10, 2), DONE],
    right: { output: COUNT + 2, source: 'chunks', explained: ['reasoning_uncounted'] },
  },
  {
    name: 'thoughts that only the total holds',
    script: [...thought, ...chats, stops, usage(10, COUNT, { total_tokens: 10 + 2 * COUNT }), DONE],
    right: { output: 2 * COUNT, explained: ['more_in_total'] },
  },
  {
    name: 'OpenAI: thoughts that are counted and not shown',
    script: [
      ...spoken((content) => chat({ content }), { firstMs: 150 }),
      stops,
      usage(10, COUNT + 32, { completion_tokens_details: { reasoning_tokens: 32 } }),
      DONE,
    ],
    right: { output: COUNT + 32, verdict: 'buffered', explained: ['reasoning_hidden'] },
  },
  {
    name: 'DeepSeek: part of the prompt from its cache, thoughts null in turn',
    script: [
      ...spoken((content) => chat({ content, reasoning_content: null })),
      stops,
      usage(10, COUNT, { prompt_cache_hit_tokens: 6 }),
      DONE,
    ],
  },
  {
    name: 'a prompt that came from the cache is counted as 0',
    script: [
      ...chats,
      stops,
      usage(0, COUNT, { total_tokens: 10 + COUNT, prompt_tokens_details: { cached_tokens: 10 } }),
      DONE,
    ],
    right: { explained: ['prompt_by_total'] },
  },
  {
    name: 'a prompt that leaves out what came from the cache',
    script: [
      ...chats,
      stops,
      usage(2, COUNT, { total_tokens: 10 + COUNT, prompt_tokens_details: { cached_tokens: 8 } }),
      DONE,
    ],
    right: { explained: ['prompt_cached'] },
  },
  {
    name: 'Moonshot: usage inside of a choice',
    script: [
      ...chats,
      end(
        event({
          choices: [
            {
              index: 0,
              delta: {},
              finish_reason: 'stop',
              usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
            },
          ],
        }),
      ),
      DONE,
    ],
  },
  {
    name: 'Groq: usage in x_groq',
    script: [
      ...chats,
      end(
        event({
          choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
          x_groq: { usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT } },
        }),
      ),
      DONE,
    ],
  },
  {
    name: 'Mistral: content in parts',
    script: [...spoken((said) => chat({ content: [{ type: 'text', text: said }] })), stops, usageOfAll, DONE],
  },
]

const COUNTS = [
  {
    name: 'counts as texts',
    script: [
      ...chats,
      stops,
      event({
        choices: [],
        usage: { prompt_tokens: '10', completion_tokens: String(COUNT), total_tokens: String(10 + COUNT) },
      }),
      DONE,
    ],
  },
  {
    name: 'input_tokens and output_tokens',
    script: [
      ...chats,
      stops,
      event({ choices: [], usage: { input_tokens: 10, output_tokens: COUNT } }),
      DONE,
    ],
  },
  {
    name: 'zeros until the end',
    script: [
      ...spoken((content) =>
        event({
          choices: [{ index: 0, delta: { content } }],
          usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
        }),
      ),
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'no usage',
    script: [...chats, stops, DONE],
    right: { input: null, source: 'chunks', explained: ['no_usage'] },
  },
  {
    name: 'no completion_tokens',
    script: [
      ...chats,
      stops,
      event({ choices: [], usage: { prompt_tokens: 10, total_tokens: 10 + COUNT } }),
      DONE,
    ],
    right: { explained: ['output_by_total'] },
  },
  {
    name: 'a count of 0 though text came',
    script: [...chats, stops, usage(10, 0), DONE],
    right: { source: 'chunks', explained: ['usage_without_count'] },
  },
  {
    name: 'a count that no such text has',
    script: [...chats, stops, usage(10, 1000), DONE],
    right: { output: 1000, verdict: 'bursts', isDoubted: true },
  },
  {
    name: 'ten times as many tokens as may be',
    maxTokens: COUNT,
    script: [...chats, stops, usage(10, 10 * COUNT), DONE],
    right: { ...refused, input: null },
  },
  {
    name: 'completion_tokens with those of the prompt',
    maxTokens: COUNT,
    script: [...chats, stops, usage(10, 10 + COUNT), DONE],
    right: { ...refused, input: null },
  },
  {
    name: 'a limit that the server does not keep, and says so',
    maxTokens: COUNT / 2,
    script: [...chats, stops, usageOfAll, DONE],
  },
  {
    name: 'thoughts beyond the limit of the answer',
    maxTokens: COUNT,
    script: [
      ...spoken((content) => chat({ content }), { firstMs: 150 }),
      stops,
      usage(10, COUNT + 32, { completion_tokens_details: { reasoning_tokens: 32 } }),
      DONE,
    ],
    right: { output: COUNT + 32, verdict: 'buffered', explained: ['reasoning_hidden'] },
  },
  {
    name: 'more tokens from the cache than the prompt has',
    script: [...chats, stops, usage(10, COUNT, { prompt_tokens_details: { cached_tokens: 999 } }), DONE],
    right: { isDoubted: true },
  },
  {
    name: 'Anthropic: tokens from the cache beside the prompt and the total',
    script: [...chats, stops, usage(2, COUNT, { cache_read_input_tokens: 8 }), DONE],
    right: { explained: ['prompt_cached'] },
  },
  {
    name: 'a total that nobody can explain',
    script: [...chats, stops, usage(10, COUNT, { total_tokens: 90 }), DONE],
    right: { isDoubted: true },
  },
]

const SHAPES = [
  {
    name: 'a last chunk with a null delta',
    script: [
      ...chats,
      end(event({ choices: [{ index: 0, delta: null, finish_reason: 'stop' }] })),
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'choices null, missing, empty, and of null',
    script: [
      event({ choices: null }),
      event({ id: 'x' }),
      event({ choices: [] }),
      event({ choices: [null] }),
      event('null'),
      ...chats,
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'an empty data is a ping',
    script: [
      'data:\n\n',
      'data: \n\n',
      ': ping\n\n',
      'event: ping\ndata: {"type":"ping"}\n\n',
      ...chats,
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'error null in each chunk',
    script: [
      ...spoken((content) => event({ error: null, choices: [{ index: 0, delta: { content } }] })),
      stops,
      usageOfAll,
      DONE,
    ],
  },
  { name: 'no reason of the end, but usage and [DONE]', script: [...chats, usageOfAll, DONE] },
  {
    name: 'no reason of the end, but [DONE]',
    script: [...chats, DONE],
    right: { input: null, source: 'chunks', explained: ['no_usage'] },
  },
  { name: 'no reason of the end and no [DONE], but usage', script: [...chats, usageOfAll] },
  {
    name: 'a byte order mark, and blanks after [DONE]',
    script: ['\uFEFF', ...chats, stops, usageOfAll, 'data: [DONE]  \n\n'],
  },
  { name: 'a last event without a blank line', script: [...chats, stops, usageOfAll.trimEnd()] },
  {
    name: 'one newline between events',
    script: [
      ...spoken((content) => chat({ content }).replace('\n\n', '\n')),
      end(chat({}, { finish_reason: 'stop' }).replace('\n\n', '\n')),
      usageOfAll.replace('\n\n', '\n'),
      'data: [DONE]',
    ],
  },
  {
    name: 'CRLF that packets cut',
    script: [
      ...spoken((content) => `\n\r\n${chat({ content }).trimEnd()}\r`),
      end(`\n\r\n${chat({}, { finish_reason: 'stop' }).trimEnd()}\r`),
      `\n\r\n${usageOfAll.trimEnd()}\r`,
      5,
      '\n\r',
      5,
      `\n${DONE}`,
    ],
  },
  {
    name: 'data over several lines',
    script: [
      ...spoken(
        (content) =>
          `${JSON.stringify({ choices: [{ index: 0, delta: { content } }] }, null, 1).replace(/^/gm, 'data: ')}\n\n`,
      ),
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'framed twice',
    script: [
      ...spoken((content) => `data: ${chat({ content })}`),
      `data: ${chat({}, { finish_reason: 'stop' })}`,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: "a template's tag beside the role, before anything was computed",
    script: [chat({ role: 'assistant', content: '<think>\n' }), 60, ...chats, stops, usageOfAll, DONE],
  },
  {
    name: 'the same, where the end-of-text token is counted',
    script: [
      chat({ role: 'assistant', content: '<think>\n' }),
      90,
      ...chats,
      stops,
      usage(10, COUNT + 1),
      DONE,
    ],
    right: { output: COUNT + 1 },
  },
  {
    name: 'a tag that the model made',
    script: [
      ...spoken((word, at) => chat(at === 0 ? { role: 'assistant', content: '<think>' } : { content: word })),
      stops,
      usageOfAll,
      DONE,
    ],
  },
  {
    name: 'calls of tools',
    script: [
      ...spoken(() => chat({ content: null, tool_calls: [{ index: 0, function: { arguments: '{' } }] })),
      end(chat({}, { finish_reason: 'tool_calls' })),
      usageOfAll,
      DONE,
    ],
  },
]

const TIMES = [
  { name: '[DONE], and the connection stays open', script: [...chats, stops, usageOfAll, DONE, hold(3000)] },
  {
    name: 'reason and usage without [DONE], and the connection stays open',
    script: [...chats, stops, usageOfAll, hold(3000)],
  },
  {
    name: 'the reason alone, and the connection stays open',
    script: [...chats, stops, hold(3000)],
    right: { input: null, source: 'chunks', explained: ['no_usage'] },
  },
  {
    name: 'the reason, and the usage long after it',
    script: [...chats, stops, 900, usageOfAll, DONE],
  },
  { name: 'the connection breaks after the end', script: [...chats, stops, usageOfAll, DONE, breakOff] },
  {
    name: 'everything in one packet',
    script: [
      150,
      token(
        [
          ...WORDS.map((content) => chat({ content })),
          chat({}, { finish_reason: 'stop' }),
          usageOfAll,
          DONE,
        ].join(''),
      ),
    ],
    right: { verdict: 'buffered' },
  },
  {
    name: 'everything in two packets',
    script: [
      100,
      token(
        WORDS.slice(0, 4)
          .map((content) => chat({ content }))
          .join(''),
      ),
      100,
      token(
        WORDS.slice(4)
          .map((content) => chat({ content }))
          .join(''),
      ),
      stops,
      usageOfAll,
      DONE,
    ],
    right: { verdict: 'buffered' },
  },
  {
    name: 'one JSON text though a stream was asked for',
    script: [
      150,
      token(
        JSON.stringify(
          {
            object: 'chat.completion',
            choices: [
              { index: 0, message: { role: 'assistant', content: WORDS.join('') }, finish_reason: 'stop' },
            ],
            usage: { prompt_tokens: 10, completion_tokens: COUNT, total_tokens: 10 + COUNT },
          },
          null,
          2,
        ),
      ),
    ],
    headers: ANSWER,
    right: { verdict: 'buffered', explained: ['tokens_per_chunk'] },
  },
  {
    name: 'the first token, and all others at once',
    script: [
      25,
      token(chat({ content: 'The ' })),
      120,
      token(
        WORDS.slice(1)
          .map((content) => chat({ content }))
          .join(''),
      ),
      stops,
      usageOfAll,
      DONE,
    ],
    right: { verdict: 'bursts' },
  },
  {
    name: 'four tokens a packet',
    script: [
      ...spoken((content) => chat({ content }).repeat(4), { gapMs: 20 }),
      stops,
      usage(10, 4 * COUNT),
      DONE,
    ],
    right: { output: 4 * COUNT, verdict: 'bursts' },
  },
]

const FAULTS = [
  {
    name: 'a connection that breaks in the middle',
    script: [...chats, 5, breakOff],
    right: failed('STREAM_BROKEN', ''),
  },
  {
    name: 'a stream that ends in the middle',
    script: [...chats],
    right: failed('STREAM_BROKEN', `the stream ended after ${COUNT} chunks without a finish_reason`),
  },
  {
    name: '[DONE] and nothing else',
    script: [DONE],
    right: failed('STREAM_BROKEN', 'the stream said [DONE] after 0 chunks without a finish_reason'),
  },
  {
    name: 'nothing at all',
    script: [],
    right: failed('STREAM_BROKEN', 'the stream ended after 0 chunks without a finish_reason'),
  },
  {
    name: 'a page with status 200',
    script: ['<html><body>Sign in</body></html>'],
    headers: { 'content-type': 'text/html' },
    right: failed('STREAM_BROKEN', 'it said: <html><body>Sign in</body></html>'),
  },
  {
    name: 'an error with status 200, over several lines',
    script: [JSON.stringify({ error: { message: 'model not loaded', code: 400 } }, null, 2)],
    headers: ANSWER,
    right: failed('STREAM_ERROR', 'model not loaded'),
  },
  {
    name: 'an error that nobody framed, after chunks',
    script: [...chats, STRAY_ERROR],
    right: failed('STREAM_ERROR', 'upstream connect error'),
  },
  {
    name: 'errors in a list',
    script: [event({ errors: [{ message: 'first' }, { message: 'second' }] })],
    right: failed('STREAM_ERROR', 'first'),
  },
  {
    name: 'FastAPI: detail in the stream',
    script: [event({ detail: 'Not authenticated' })],
    right: failed('STREAM_ERROR', 'Not authenticated'),
  },
  {
    name: 'an event that is no JSON',
    script: [...chats, 'data: {"choices": [\n\n'],
    right: failed('STREAM_ERROR', 'an event is no JSON: {"choices": ['),
  },
  {
    name: 'a status of 500, its words framed as an event',
    status: 500,
    script: [event({ error: { message: 'engine is dead' } })],
    right: failed('HTTP_500', 'engine is dead'),
  },
  {
    name: 'a status of 400 in plain words',
    status: 400,
    script: ['Bad Request: no such model'],
    right: failed('HTTP_400', 'Bad Request: no such model'),
  },
]

export const ROWS = [
  ...[VLLM, SGLANG, TGI, TENSORRT, LLAMACPP, OLLAMA, LMSTUDIO, LITELLM, LMDEPLOY, OPENVINO, OPENROUTER, XAI],
  ...[COUNTS, CLAIMS, BLANKS, SHAPES, TIMES, FAULTS],
].flat()
