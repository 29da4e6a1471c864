import type { CampaignOptions } from '../../dist/campaign/run.js'
import { campaignKeysSchema } from '../../dist/config/schema-campaign.js'
import { silentObserver } from '../../dist/progress/observer.js'

/** A campaign of an executor that measures nothing: no GPU is there to be looked at. */
export const PLAIN = {
  simulate: true,
  coldStart: false,
  restartContainer: false,
  retryFailed: false,
  observer: silentObserver,
  warmestC: async () => null,
  healthCheck: campaignKeysSchema.parse({ campaign_name: 'x' }).health_check,
  gpus: { watch: null, reason: 'there are none' },
} as const satisfies Partial<CampaignOptions>

/** What the summary of a run has beside what matters here. */
export const UNTOLD = {
  ...{
    energy_per_request_j: null,
    output_tokens_per_j: null,
    good_output_tokens_per_j: null,
    mean_power_w: null,
  },
  ...{ quoted: null, quoted_total: null, active_energy_j: null, active_energy_per_output_token_j: null },
  ...{ active_energy_uncertainty_j: null, active_energy_per_output_token_uncertainty_j: null },
  ...{ output_tokens_per_second: null, ttft_p50_ms: null, itl_p50_ms: null, tpot_p50_ms: null },
} as const
