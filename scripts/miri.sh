#!/usr/bin/env bash
# Runs the kernels' tests under Miri, one number at a time and on few cases: whether unsafe code keeps its promises.
# Needs: rustup component add miri rust-src --toolchain nightly. Takes half an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
# Rayon's queues are sound by tree borrows only.
export EVENKEEL_VECTORS=none PROPTEST_CASES=${PROPTEST_CASES:-2} MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-tree-borrows -Zmiri-ignore-leaks"
cargo +nightly miri test --target-dir target/miri -p evenkeel-kernels --lib --test layers --test batch_norm --test sequences -- \
    --skip shapes_of_real --skip on_the_number_of_threads --skip depend_on_threads
