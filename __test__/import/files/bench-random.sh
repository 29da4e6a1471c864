#!/bin/sh
# a running server
vllm bench serve --model acme/llama-1b --dataset-name random \
  --random-input-len 512 --random-output-len=64 --num-prompts 200 \
  --request-rate 8 --max-concurrency 32 --seed 5 --ignore-eos --save-result --percentile-metrics ttft,tpot
