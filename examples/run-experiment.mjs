// Joules per token of a model, without the command line:
//   node examples/run-experiment.mjs model.gguf [--simulate]
import { parseArgs } from 'node:util'
import { runExperiment } from 'llem'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { simulate: { type: 'boolean', default: false } },
})
const [model] = positionals
if (model === undefined) throw new Error('usage: node examples/run-experiment.mjs model.gguf [--simulate]')

// The keys of `llem run`'s YAML file; every one but `model` has a default.
const { result, runDir } = await runExperiment(
  {
    model,
    n_prompts: 40,
    generation: { max_tokens: 256, ignore_eos: true },
    llamacpp: { threads: 1, context_size: 512 },
    // Short, to try it out: measure with the defaults.
    baseline: { enabled: false },
    warmup: { max_prompts: 5, thermal_floor_seconds: 0 },
  },
  { simulate: values.simulate },
)

if (result.simulated) console.log('SIMULATED: these numbers come from a simulated GPU.')
console.log(`${result.total_tokens} tokens, ${result.avg_tokens_per_second?.toFixed(0)} tokens/s`)
if (result.total_energy_j === null) console.log(`The energy is unknown: ${result.energy_reason}`)
else {
  console.log(`${result.total_energy_j.toFixed(1)} J, ${result.avg_energy_per_token_j?.toFixed(4)} J/token`)
}
console.log(runDir)
