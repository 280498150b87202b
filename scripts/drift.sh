#!/usr/bin/env bash
# Measures drift of base gradients (T24) on one run, and tries forecasts with it on all others:
# other seeds, rates, depths and widths. About ten minutes on 2 cores.
#
#     bash scripts/drift.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
out=${1:-runs/drift}
cargo build --release
evenkeel() { ./target/release/evenkeel "$@"; }

train() { # name, control, steps, then what else differs
  local name=$1 control=$2 steps=$3
  shift 3
  [ -e "$out/$name" ] ||
    evenkeel train --control "$control" --steps "$steps" --eval-every "$steps" --out "$out/$name" "$@" >/dev/null
}

for seed in 0 1 2; do
  for lr in 0.01 0.1 1; do
    train "d50-s$seed-lr$lr" none 300 --depth 50 --seed "$seed" --lr "$lr"
  done
  for lr in 0.1 1; do
    train "d20-s$seed-lr$lr" none 300 --depth 20 --seed "$seed" --lr "$lr"
  done
done
for width in 32 512; do
  train "d50-w$width-lr0.1" none 300 --depth 50 --width "$width" --lr 0.1
done
train uncapped critical 60 --depth 50 --lr 1e6

cd "$out"
"$OLDPWD/target/release/evenkeel" drift ./*/ --with d50-s0-lr0.01/none
