#!/usr/bin/env bash
# The most memory that training takes, and its page faults: ResNet-56 in batches of 128.
#
#     scripts/memory.sh [DATA] [EVAL_ROWS]
#
# DATA is what --data takes [cifar10], EVAL_ROWS how many rows of each split are evaluated [2000]. Needs GNU time.
set -euo pipefail
cd "$(dirname "$0")/.."

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cargo build --release --quiet
/usr/bin/time -f "%M KiB at most, %R page faults, %e s (%U s of CPU time)" target/release/evenkeel train \
    --model resnet --depth 56 --data "${1:-cifar10}" --batch-size 128 --control none --steps 5 --eval-every 100 \
    --eval-rows "${2:-2000}" --out "$out/run"
