"""Results as CSV and Markdown."""

import csv
import pathlib
import platform
import subprocess

from networks import ROOT


def shown(value) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.1e}" if 0 < abs(value) < 1e-3 else f"{value:.4g}"
    return str(value)


def markdown(columns: list, rows: list) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(shown(row.get(column)) for column in columns) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def conditions(seed: int, torch: str) -> str:
    """Hardware, versions, seed and commit in a line."""
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "no AVX")
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    rust = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    cores = sum(1 for line in open("/proc/cpuinfo") if line.startswith("processor"))
    return f"{cores} cores of {cpu} ({widest}), {platform.system()}; {rust}; PyTorch {torch}; seed {seed}; commit {commit}"


def write(folder: pathlib.Path, name: str, columns: list, rows: list, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f"{name}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    (folder / f"{name}.md").write_text(text)
