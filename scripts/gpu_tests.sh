#!/usr/bin/env bash
# Tests of --device, built with --features wgpu, on whatever driver there is: one in software will do, such as
# Mesa's lavapipe (Debian: mesa-vulkan-drivers). Not optimised, which halves the build; it has a target folder of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_TARGET_DIR=target/gpu
cargo test --release -p evenkeel-cli --features wgpu --test devices
