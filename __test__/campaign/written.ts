// Campaigns as text, in folders of their own.

import { type CampaignPlan, planOf } from '../../dist/campaign/plan.js'
import { type LoadedCampaign, loadCampaign } from '../../dist/config/load-campaign.js'

export function loaded(text: string): LoadedCampaign & { ok: true } {
  const campaign = loadCampaign({ path: 'campaign.yaml', text })
  if (!campaign.ok)
    throw new Error(campaign.problems.map(({ where, message }) => `${where}: ${message}`).join('\n'))
  return campaign
}

export function planned(text: string): CampaignPlan {
  return planOf(loaded(text))
}

/** The problems of a campaign, one line each. */
export function problemsOf(text: string): string[] {
  const campaign = loadCampaign({ path: 'campaign.yaml', text })
  if (campaign.ok) throw new Error('there are no problems')
  return campaign.problems.map(
    ({ where, message, suggestion }) => `${where}: ${message}${suggestion === null ? '' : `; ${suggestion}`}`,
  )
}
