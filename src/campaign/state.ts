import { z } from 'zod'

/** The state of a campaign as a whole. */
export const campaignStateSchema = z.object({
  /** Waiting: a daemon, for its next round. */
  state: z.enum(['running', 'waiting', 'paused', 'interrupted', 'completed']),
  /** Why it is paused, or what it waits for. */
  reason: z.string().nullable(),
})
export type CampaignState = z.infer<typeof campaignStateSchema>
