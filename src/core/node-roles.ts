/** What a node does for a server that spans several. */
export const NODE_ROLES = ['prefill', 'decode', 'router'] as const
export type NodeRole = (typeof NODE_ROLES)[number]
