import { expect, it } from 'vitest'
import { execOver } from './llem.js'
import { gpu, scenarioFile } from './scenario.js'

// The simulated board has 35 C and 5 C more for each 100 W of the last second.
it('the temperature is told as it was at the beginning and at the end of the window, so that a drift shows', async () => {
  const warming = [
    { for_s: 1.5, w: 100 },
    { for_s: 60, w: 700 },
  ]
  const cooling = [
    { for_s: 1.5, w: 700 },
    { for_s: 60, w: 100 },
  ]
  const { energy } = await execOver(scenarioFile([gpu(0, warming), gpu(1, cooling)]), ['sleep', '3.5'])
  const temperatures = energy.devices.map((device) => [
    device.temperature_start_c,
    device.temperature_end_c,
    device.temperature_max_c,
  ])
  expect(temperatures).toEqual([
    [40, 70, 70],
    [70, 40, 70],
  ])
}, 30_000)
