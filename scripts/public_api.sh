#!/usr/bin/env bash
# Compares the public API of every library with docs/api/CRATE.txt, or writes those files.
#
#     scripts/public_api.sh [--write]
#
# rustdoc's JSON is an unstable format, which RUSTC_BOOTSTRAP lets a stable compiler write. A compiler
# whose format `public-api` does not read is named, and nothing is compared.
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_DIR=target/api
RUSTC_BOOTSTRAP=1 RUSTDOCFLAGS="-Z unstable-options --output-format json --cap-lints allow" \
    cargo doc --quiet --release --workspace --no-deps --lib --locked
cargo build --quiet --release --locked --manifest-path scripts/public_api/Cargo.toml

changed=0
mkdir -p docs/api target/api/now
for manifest in crates/*/Cargo.toml; do
    crate=$(sed -n 's/^name = "\(.*\)"/\1/p' "$manifest" | head -1)
    json="target/api/doc/${crate//-/_}.json"
    [ -f "$json" ] || continue
    target/api/release/list-public-api "$json" >"target/api/now/$crate.txt" || {
        status=$?
        echo "public APIs not compared: $(rustc --version) writes a format that public-api 0.52 does not read"
        exit $((status == 3 ? 0 : status))
    }
    if [ "${1:-}" = --write ]; then
        cp "target/api/now/$crate.txt" "docs/api/$crate.txt"
    elif ! diff -u "docs/api/$crate.txt" "target/api/now/$crate.txt"; then
        changed=1
    fi
done
if [ "$changed" = 1 ]; then
    echo "the public API has changed: if that is wanted, run scripts/public_api.sh --write and say so in CHANGELOG.md" >&2
    exit 1
fi
