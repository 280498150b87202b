#!/usr/bin/env python3
"""Runs the `evenkeel` commands of README.md and docs/ as they are written, in a folder made for them.

    cargo build --release && python3 scripts/run_doc_commands.py [PROGRAM]

Commands that would take long, or download, are only checked: `train` prints its configuration,
`reproduce` and `data get` show their help. All others run; each must exit with 0.
"""

import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
NORMS = "layer,weight_norm,grad_norm\n" + "".join(f"conv{k},12,{4.9 / 3.7**k:.4f}\n" for k in range(6))
SHORT = "--steps 4 --eval-every 4 --control none,hold --out".split()


def commands() -> list[tuple[pathlib.Path, str]]:
    """Each command of a shell block, with its page; the order of a page is kept."""
    found = []
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
            lines = block.replace("\\\n", " ").splitlines()
            found += [(page, line) for line in lines if re.match(r"(evenkeel|cargo run --release --) ", line)]
    return found


def prepare(folder: pathlib.Path, program: pathlib.Path) -> None:
    """What the commands take for granted: norms, runs, a grid, weights, results."""
    (folder / "norms.csv").write_text(NORMS)
    grid = re.search(r"```toml\n(.*?)```", (ROOT / "docs/how-to/sweep.md").read_text(), re.DOTALL)[1]
    (folder / "grid.toml").write_text(grid)
    shutil.copytree(ROOT / "docs/results/quick", folder / "docs/results/quick")
    shutil.copytree(ROOT / "docs/logs", folder / "logs")
    for out in ("runs/train-001", "runs/grid", "cmp"):
        subprocess.run([program, "train", *SHORT, out], cwd=folder, check=True, capture_output=True)


def shortened(words: list[str]) -> list[str]:
    """The words of a command, without what takes long."""
    match words:
        case ["train", *_] if "--resume" not in words and "--help" not in words:
            return [*words, "--print-config"]
        case ["sweep", *_] if "--dry-run" not in words:
            return [*words, "--dry-run"]
        case ["reproduce", *_] if "--check" not in words:
            return [*words, "--help"]
        case ["data", "get", *_]:
            return [*words, "--help"]
    return words


def main() -> int:
    program = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/release/evenkeel").resolve()
    failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        prepare(folder, program)
        found = commands()
        for page, line in found:
            words = shlex.split(line.replace("cargo run --release --", "evenkeel"), comments=True)[1:]
            done = subprocess.run([program, *shortened(words)], cwd=folder, capture_output=True, text=True)
            if done.returncode:
                failed += 1
                print(f"{page.relative_to(ROOT)}: {line}\n{done.stderr}", file=sys.stderr)
    print(f"{len(found)} commands of README and docs, {failed} failed")
    return 1 if failed or not found else 0


if __name__ == "__main__":
    sys.exit(main())
