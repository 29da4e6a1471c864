import { z } from 'zod'

/** Of a name or an argument: not empty, no control characters. */
export const text = z.string().regex(/^[^\p{Cc}]+$/u)

/** What every backend that speaks HTTP shares: how to talk to its server. */
export const talking = {
  base_url: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/)
    .nullable()
    .default(null)
    .meta({
      description: 'A server that runs already, e.g. http://127.0.0.1:8000; null starts one.',
      expects: 'an address such as http://127.0.0.1:8000, without user, query and fragment, or null',
    }),
  endpoint: z.enum(['completions', 'chat']).default('completions').meta({
    description:
      'Where prompts are sent: /v1/completions as they are, or /v1/chat/completions as one message.',
  }),
  model: text.nullable().default(null).meta({
    description:
      'The name that requests give the model; null is the one of /v1/models that is `model` by its name.',
    expects: 'text or null',
  }),
  served_as: text.nullable().default(null).meta({
    description:
      'Another name by which the server may list `model` and answer as it, where that is meant; null refuses a server that answers as another model.',
    expects: 'text or null',
  }),
  api_key_env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .nullable()
    .default(null)
    .meta({
      description:
        'The environment variable that holds the API key; null is none, and OPENAI_API_KEY for api.openai.com alone. The key itself is never written anywhere.',
      expects: 'the name of an environment variable in capitals, never the key itself, or null',
    }),
  api_key_hosts: z
    .array(z.string().regex(/^[A-Za-z0-9._:[\]-]+$/))
    .default([])
    .meta({
      description:
        'Hosts that get the key unencrypted, by name or address; otherwise it goes only over https or to this machine.',
      expects: 'a list of hosts without scheme and port such as [gpu-box.local], or []',
    }),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .meta({
      description: 'Environment variables for the server that is started.',
      expects: 'a mapping from names of environment variables to texts',
    }),
  extra_body: z.record(z.string(), z.unknown()).default({}).meta({
    description: 'Merged into the JSON body of every request, over what llem sends.',
    expects: 'a mapping',
  }),
}

const group = z.object(talking)

/** The part of every backend's options that says how to talk to its server. */
export type TalkingOptions = z.infer<typeof group>
