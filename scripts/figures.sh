#!/usr/bin/env bash
# Draws the figures of docs/theory.md with the program itself.
#
#     bash scripts/figures.sh
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release
evenkeel() { ./target/release/evenkeel "$@" >/dev/null; }
figures=docs/figures

# T6 and T10: a wide BN-ReLU network of 50 layers under plain SGD.
evenkeel forecast --synthetic bn-relu:50 --lr 0.1 --steps 100 --plot $figures/constant.svg
# T11: the same under the warm-up that lets no layer turn by more than 45 degrees.
evenkeel forecast --synthetic bn-relu:50 --lr 0.1 --steps 100 --warmup no-overshoot --plot $figures/no-overshoot.svg
# T24: the same with base gradients that drift as measured on one run (docs/results/drift.md).
evenkeel forecast --synthetic bn-relu:50 --lr 0.1 --steps 100 \
  --drift shift=-0.13,scatter=0.14,reach=0.58,noise=0.06 --plot $figures/drift.svg
# T10: steps until equal by rate and initial spread.
evenkeel phase --plot $figures/phase.svg
