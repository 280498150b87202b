#!/usr/bin/env python3
"""Checks that pandas' reader of Parquet finds in an export what the CSV of the same runs says.

    python -m venv /tmp/parquet && /tmp/parquet/bin/pip install pyarrow
    /tmp/parquet/bin/python scripts/check_parquet.py [ROOT]     # default: runs
"""

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import pyarrow.parquet as parquet
except ImportError:
    print("not checked: pyarrow is not installed")
    sys.exit(0)

PROGRAM = ["cargo", "run", "--release", "--quiet", "-p", "evenkeel-cli", "--", "runs", "export"]


def same(value, text: str) -> bool:
    """Whether a cell of Parquet is what the CSV says."""
    if value is None or text == "":
        return value in (None, "") and text == ""
    return type(value)(text) == value


def main() -> int:
    root = sys.argv[1] if len(sys.argv) > 1 else "runs"
    with tempfile.TemporaryDirectory() as folder:
        for what in ["runs", "steps", "layers", "evals"]:
            paths = {kind: Path(folder) / f"{what}.{kind}" for kind in ["csv", "parquet"]}
            for kind, path in paths.items():
                arguments = [root, "--what", what, "--format", kind, "--out", str(path)]
                subprocess.run([*PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL)
            with paths["csv"].open(newline="") as file:
                rows = list(csv.DictReader(file))
            read = parquet.read_table(paths["parquet"]).to_pylist()
            wrong = [
                (number, name)
                for number, (cells, texts) in enumerate(zip(read, rows, strict=True))
                for name in texts
                if not same(cells[name], texts[name])
            ]
            if wrong:
                print(f"{what}: row {wrong[0][0]}, {wrong[0][1]}, and {len(wrong) - 1} more differ")
                return 1
            print(f"{what}: {len(rows)} rows are the same")
    return 0


if __name__ == "__main__":
    sys.exit(main())
