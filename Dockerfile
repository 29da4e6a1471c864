# The image of llem: Node and llem, and nothing of CUDA. The driver's own library comes from the machine, by the NVIDIA
# Container Toolkit. Built by `npm run image`, which puts what is copied here into .cache/image.
#
# BASE is any image that has Node >= 20.19 on PATH and glibc. No command runs in it, so that a build needs no network.
ARG BASE=node:22-bookworm-slim
FROM ${BASE}
# Whole trees, so that no folder gets the time at which it was built.
COPY system /
COPY --chown=1000:1000 home /
# utility is NVML; compute is for models that llem starts in the container.
ENV HOME=/llem NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=utility,compute
# NVML answers everybody. The energy counters of a CPU answer root alone: docker run --user 0.
USER 1000:1000
WORKDIR /llem
ENTRYPOINT ["node", "/opt/llem/bin/llem.js"]
