#!/bin/sh
# Installs on Debian or Ubuntu what the tests need beyond Node, Rust and git. Quick where everything is there.
# Root, or a user with sudo.
set -eu

packages=
needs() { # PACKAGE COMMAND...: the package is there when the command succeeds
  package=$1
  shift
  "$@" > /dev/null 2>&1 || packages="$packages $package"
}
needs build-essential cc --version # Rust links with it.
needs python3 python3 --version    # NVIDIA's Python bindings check the simulated library; Zeus and CodeCarbon run over it;
needs cmake cmake --version        # llama-server, the real server of the tests, is built from node-llama-cpp's source.
needs systemd systemd-analyze --version # The example of a unit is verified by it; nothing of it is started.
needs python3-venv python3 -c 'import ensurepip' # each in a virtual environment.
needs chromium sh -c 'chromium --version || chromium-browser --version || google-chrome --version' # Opens the pages of reports.
needs tmux tmux -V # A real terminal, which shows the first screens at several widths.
needs openssl openssl version # Makes the certificate of a BMC that signs its own.
# A real Slurm of several nodes, which scripts/slurm-cluster.mjs starts by itself.
needs slurm-wlm sh -c 'PATH=$PATH:/usr/sbin slurmctld -V && PATH=$PATH:/usr/sbin slurmd -V'
needs slurmdbd sh -c 'PATH=$PATH:/usr/sbin slurmdbd -V' # Its accounting, and the database of that.
needs mariadb-server sh -c 'PATH=$PATH:/usr/sbin mariadbd --version'
needs munge sh -c 'PATH=$PATH:/usr/sbin munged -V'
# A Docker engine, which the tests start by themselves, or one that answers already.
needs docker.io sh -c 'docker info || dockerd --version'
needs debootstrap debootstrap --version # A Debian for the image of llem, at night.
needs docker-compose sh -c 'docker compose version || docker-compose version'

if [ -z "$packages" ]; then
  echo 'Everything that the tests need is installed.' >&2
  exit 0
fi
echo "Installing$packages ..." >&2
as_root=
[ "$(id -u)" -eq 0 ] || as_root=sudo
# Both are lists of words, so they stand without quotes.
$as_root apt-get update -qq >&2
# From Debian 13 on Docker's client is a package of its own.
if apt-cache show docker-cli > /dev/null 2>&1; then packages=$(echo "$packages" | sed 's/docker\.io/& docker-cli/'); fi
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
