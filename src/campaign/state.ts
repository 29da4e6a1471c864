import { z } from 'zod'

/** The state of a campaign as a whole. */
export const campaignStateSchema = z.object({
  state: z.enum(['running', 'paused', 'interrupted', 'completed']),
  /** Why it is paused. */
  reason: z.string().nullable(),
})
export type CampaignState = z.infer<typeof campaignStateSchema>
