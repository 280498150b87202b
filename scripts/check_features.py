#!/usr/bin/env python3
"""Checks that tests reuse what `cargo run` has built: same features of every dependency in both.

    python scripts/check_features.py
"""

import subprocess
import sys


def features(*selection: str) -> dict:
    """Features by package, as the selection would build it."""
    command = ["cargo", "tree", "--prefix", "none", "--format", "{p}|{f}", *selection]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    packages: dict = {}
    for line in lines:
        package, _, enabled = line.replace(" (*)", "").partition("|")
        packages.setdefault(package.split(" (")[0], set()).add(enabled)
    return packages


def main() -> int:
    run = features("-p", "evenkeel-cli", "-e", "normal")
    test = features("--workspace", "-e", "normal,dev")
    different = [package for package in run if run[package] != test.get(package)]
    for package in different:
        print(f"{package}: run {run[package]}, test {test.get(package)}")
    print(f"{len(run) - len(different)} of {len(run)} dependencies are built alike for run and test")
    return int(bool(different))


if __name__ == "__main__":
    sys.exit(main())
