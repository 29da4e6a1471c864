// The files that `llem campaign init` writes: they can be run as they stand, and say what to change.

/** A campaign on the models that the services below can run. */
export const EXAMPLE_CAMPAIGN = `# llem campaign campaign.yaml --dry-run     what will be run, and how long it takes
# llem campaign campaign.yaml
campaign_name: output length

# What all experiments share; every key of an experiment can stand here.
backend: pytorch                    # or llamacpp with a GGUF file, vllm, tensorrt, server
model: Qwen/Qwen2.5-0.5B-Instruct
n_prompts: 50

# Every combination of these is an experiment.
grid:
  shared:
    generation.max_tokens: [64, 256]
    pytorch.batch_size: [1, 8]

execution:
  cycles: 3                         # three give a confidence interval
  config_gap_seconds: 60            # the GPU cools down in between
  cycle_gap_seconds: 300
`

/** The same for a Slurm cluster. */
export const EXAMPLE_SLURM = `# llem campaign campaign.yaml --executor slurm --dry-run     the scripts that sbatch would get
# llem campaign campaign.yaml --executor slurm
# This file, the models and the results must lie where compute nodes see them under the same path.
campaign_name: output length

backend: pytorch                    # or llamacpp with a GGUF file, vllm, tensorrt, server
model: Qwen/Qwen2.5-0.5B-Instruct
n_prompts: 50

grid:
  shared:
    generation.max_tokens: [64, 256]
    pytorch.batch_size: [1, 8]

execution:
  cycles: 3                         # three give a confidence interval
  config_gap_seconds: 60            # between the runs of one task

slurm:
  partition: gpu                    # \`sinfo -s\` lists them
  # account: my-project             # \`sacctmgr show assoc user=$USER format=account,partition,qos\`
  # qos: normal
  time: "01:00:00"                  # of a task; with pair_on it does a whole cycle
  gpus_per_task: 1                  # or a100:1; or gres: gpu:1 on older clusters
  exclusive: true                   # nobody else beside what is measured
  pair_on: board                    # the runs of a cycle on one board: boards differ by several percent
  max_parallel: 8
  # modules: [cuda/12.4]
  # setup:                          # lines of bash; no secrets, they are written to disk
  #   - source ~/venvs/llem/bin/activate
  #   - export HF_TOKEN=$(cat ~/.cache/huggingface/token)
  # container: /shared/images/vllm.sif
  # sbatch_args: [--mem=32G, --cpus-per-task=8]

io:
  results_dir: results
`

/**
 * Services for the backends that have official images. The syntax is that of both spellings of Compose: reservations of
 * GPUs as in https://docs.docker.com/compose/how-tos/gpu-support/, the images' own needs as in
 * https://docs.vllm.ai/en/stable/deployment/docker/ and https://nvidia.github.io/TensorRT-LLM/quick-start-guide.html.
 */
export const EXAMPLE_COMPOSE = `# Beside a campaign's file: experiments of the backends vllm, tensorrt and pytorch run in these containers.
# llem starts the services that a campaign needs, and stops those that it has started. Inference is started in them by
# \`docker compose exec\`, so each only has to stay up, and its image needs nothing of llem: Python 3 and the engine.
#
# The GPUs need the NVIDIA Container Toolkit. To give a service some of them, replace \`count: all\` by
# \`device_ids: ["GPU-..."]\`, with the UUIDs that \`llem devices\` lists. Models in folders of yours must be visible under
# the same path: add a volume such as /data/models:/data/models:ro.
# Secrets do not belong here: llem hands on HF_TOKEN from its own environment (docker.env in the campaign).
# What a health check does is in the energy that is measured: it must never import an engine.

x-inference: &inference
  init: true
  ipc: host                         # engines share memory between their processes
  ulimits:
    memlock: -1
    stack: 67108864
  environment:
    HF_HOME: /huggingface           # whoever the image runs as
  volumes:
    - ~/.cache/huggingface:/huggingface
  deploy:
    resources:
      reservations:
        devices:
          - driver: nvidia
            count: all
            capabilities: [gpu]

services:
  vllm:
    <<: *inference
    image: vllm/vllm-openai:v0.11.0
    entrypoint: [sleep]
    command: [infinity]

  tensorrt:
    <<: *inference
    image: nvcr.io/nvidia/tensorrt-llm/release:1.3.0rc5
    entrypoint: [sleep]
    command: [infinity]

  pytorch:
    <<: *inference
    image: pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime
    # The image has PyTorch alone. It is ready once the file is there.
    entrypoint: [sh, -c]
    command: ["rm -f /tmp/ready && pip install --no-cache-dir transformers accelerate && touch /tmp/ready && exec sleep infinity"]
    healthcheck:
      test: [CMD, test, -f, /tmp/ready]
      interval: 5s
      timeout: 2s
      retries: 240
`
