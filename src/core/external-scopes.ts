/** What a meter outside of the GPUs may hold, from the outside in: each holds the next, and a module its GPUs. */
export const EXTERNAL_SCOPES = ['wall', 'node', 'module'] as const
export type ExternalScope = (typeof EXTERNAL_SCOPES)[number]
