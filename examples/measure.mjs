// The energy of the GPUs while a function runs: node examples/measure.mjs [--simulate]
import { setTimeout as sleep } from 'node:timers/promises'
import { measure } from 'llem'

const simulate = process.argv.includes('--simulate')

// Replace it with your own work; what runs on a GPU must be synchronised before it returns.
const work = () => sleep(2000, 'done')

const { value, energy } = await measure(work, { intervalMs: 10, simulate })

if (simulate) console.log('SIMULATED: these numbers come from a simulated GPU.')
if (energy.total_j === null) console.log(`${value}: the energy is unknown: ${energy.reason}`)
else console.log(`${value}: ${energy.total_j.toFixed(1)} J in ${energy.duration_sec.toFixed(2)} s`)
for (const gpu of energy.devices) {
  console.log(`  GPU ${gpu.index} ${gpu.name}: ${gpu.mean_power_w?.toFixed(1)} W mean, by ${gpu.method}`)
}
