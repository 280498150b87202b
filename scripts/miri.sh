#!/usr/bin/env bash
# Runs the kernels' tests under Miri, one number at a time and on few cases: whether unsafe code keeps its promises.
# Needs: rustup component add miri rust-src --toolchain nightly. Takes a quarter of an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
export EVENKEEL_VECTORS=none PROPTEST_CASES=${PROPTEST_CASES:-2} MIRIFLAGS="-Zmiri-disable-isolation"
miri=(cargo +nightly miri test --target-dir target/miri -p evenkeel-kernels)
"${miri[@]}" --lib -- matmul product winograd attention
"${miri[@]}" --test layers -- match_the_definition
"${miri[@]}" --test sequences -- matches_the_definition
