#!/usr/bin/env bash
# Compares spheres, LARS and the granularity of layers with that of units on the main network, a
# BN-MLP of 50 layers on digits: means over three seeds. About ten minutes on 2 cores.
#
#     bash scripts/units.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-runs/units}
evenkeel=${EVENKEEL:-target/release/evenkeel}

compare() { # name, controls, then what else differs
  local name=$1 controls=$2
  shift 2
  echo "
### $name
"
  python3 scripts/seeds.py --seeds 3 --evenkeel "$evenkeel" --out "$out/$name" --controls "$controls" -- \
    --eval-every 600 "$@"
}

compare layer none,rescale,hold,hold:0.2,sphere,sphere+hold,lars:0.1
compare unit none,rescale,critical,hold,hold:0.2,sphere+hold --granularity unit
