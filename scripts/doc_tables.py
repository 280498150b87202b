#!/usr/bin/env python3
"""Writes the tables of README.md and docs/ from the CSV files under docs/results, or checks them.

    python3 scripts/doc_tables.py [--check]

A page asks for a table by a pair of comments; what is between them is replaced:

    <!-- table: speed -->
    <!-- end -->
"""

import argparse
import csv
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs").glob("*/*.md"))]
BLOCK = re.compile(r"(<!-- table: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

# Folders of benchmark results, and what their machine is called.
MACHINES = {
    "performance": "Zen 4",
    "performance-zen5": "Zen 5",
    "performance-intel": "Xeon",
    "performance-xeon-480mb": "Xeon, 480 MB L3",
    "performance-avx2": "Zen 3, AVX2",
}
TELEMETRY = {
    "performance/telemetry.csv": "Zen 4",
    "performance-zen5/telemetry.csv": "Zen 5",
    "performance-intel/telemetry.csv": "Xeon",
    "performance-xeon-105mb/telemetry.csv": "Xeon, 105 MB L3",
    "performance-xeon-480mb/telemetry.csv": "Xeon, 480 MB L3",
    "performance-xeon-105mb/telemetry-avx2.csv": "Xeon, 105 MB L3, AVX2 only",
    "performance-zen5/telemetry-avx2.csv": "Zen 5, AVX2 only",
}
NETWORKS = {
    "bn-mlp-50x256": "BN-MLP 50 × 256",
    "conv-20": "ResNet-20 without shortcuts",
    "conv-19 (model conv)": "19 convolutions",
    "resnet-20": "ResNet-20",
    "conv-56": "ResNet-56 without shortcuts",
    "resnet-56": "ResNet-56",
    "vit-6x192": "ViT 6 × 192",
    "gpt-6x192": "GPT 6 × 192",
    "gpt-qk-6x192": "GPT 6 × 192 with QK-norm",
}


def rows(path: str) -> list[dict[str, str]]:
    with (RESULTS / path).open(newline="") as file:
        return list(csv.DictReader(file))


def table(head: list[str], body: list[list[str]]) -> str:
    rule = "|" + "---|" * len(head) + "\n"
    first, *rest = ("| " + " | ".join(line) + " |\n" for line in [head, *body])
    return "".join([first, rule, *rest])


def speed(names: list[str], folders: list[str]) -> str:
    """Time of a step in PyTorch over ours, for each network and machine."""
    ratios = [{row["network"]: float(row["ratio"]) for row in rows(f"{folder}/compare.csv")} for folder in folders]
    body = [[NETWORKS[name], *(f"{of[name]:.2f}" for of in ratios)] for name in names]
    return table(["network", *(MACHINES[folder] for folder in folders)], body)


def seconds() -> str:
    """Seconds a step and peak memory on the first machine."""
    body = [
        [
            NETWORKS[row["network"]],
            f"{float(row['ours_s']):.3f}",
            f"{float(row['torch_s']):.3f}",
            f"**{float(row['ratio']):.2f}** ({float(row['ratio_low']):.2f}–{float(row['ratio_high']):.2f})",
            f"{float(row['ours_mb']):.0f}",
            f"{float(row['torch_mb']):.0f}",
        ]
        for row in rows("performance/compare.csv")
    ]
    return table(["network", "ours, s", "PyTorch, s", "PyTorch ÷ ours (quartiles)", "ours, MB", "PyTorch, MB"], body)


def percent(row: dict[str, str], which: str) -> str:
    """One decimal, with a true minus sign, and no negative zero."""
    number = round(float(row[f"{which or 'overhead_'}percent"]), 1) + 0.0
    return f"{number:.1f}".replace("-", "−")


def telemetry() -> str:
    """What measuring costs, in per cent of a step on one core."""
    body = []
    for path, machine in TELEMETRY.items():
        for network in ("bn-mlp-50x256", "conv-20"):
            of = {row["way"]: row for row in rows(path) if row["network"] == network}
            if of:
                cells = [f"{percent(of[way], '')} ({percent(of[way], 'low_')} to {percent(of[way], 'high_')})" for way in ("layers", "units")]
                step = f"{1000 * float(of['layers']['plain_s']):.1f}"
                body.append([machine, NETWORKS[network], step, *cells])
    return table(["machine", "network", "step, ms", "layers, % of a step", "units, % of a step"], body)


def controls(left_out: frozenset[str] = frozenset()) -> str:
    """Accuracy of each control at its best rate, mean over seeds; the claim `constrained`, wider grid."""
    networks = {("mlp", "20", "no"): "BN-MLP 20 × 64", ("mlp", "30", "no"): "30 × 64", ("mlp", "50", "no"): "50 × 128",
                ("resnet", "56", "no"): "ResNet-56", ("resnet", "56", "yes"): "without shortcuts"}
    shown = {"no control": ["none"], "`critical`": ["critical"], "best linear warm-up": ["linear:30", "linear:100", "linear:200"], "`hold`": ["hold"],
             "`hold+max-angle:0.1`": ["hold+max-angle:0.1"], "`band:0.5:1+max-angle:0.1`": ["band:0.5:1+max-angle:0.1"]}
    seeds: dict[tuple[str, str, str], dict[tuple[str, str], list[float]]] = {}
    for row in rows("standard/constrained/runs.csv"):
        if row["optimizer"] == "sgd" and row["granularity"] == "layer":
            network = (row["model"], row["depth"], row["no_shortcut"])
            seeds.setdefault(network, {}).setdefault((row["control"], row["lr"]), []).append(float(row["accuracy"]))
    best = {network: {label: max(statistics.fmean(runs) for (control, _), runs in of.items() if control in wanted) for label, wanted in shown.items()}
            for network, of in seeds.items() if network in networks}
    top = {network: max(of.values()) for network, of in best.items()}
    body = []
    for label in (label for label in shown if label not in left_out):
        cells = [f"**{best[of][label]:.3f}**" if best[of][label] == top[of] else f"{best[of][label]:.3f}" for of in networks]
        body.append([label, *cells])
    return table(["control", *networks.values()], body)


def claims() -> str:
    """How many claims hold, hold in part, or fail."""
    body = []
    for folder, label in (("quick", "digits, 15 minutes"), ("standard", "wider grids, CIFAR-10")):
        verdicts = re.findall(r"\| \*\*(.*?)\*\* \|", (RESULTS / folder / "README.md").read_text())
        body.append([label, *(str(verdicts.count(kind)) for kind in ("holds", "holds in part", "does not hold"))])
    return table(["runs", "hold", "hold in part", "fail"], body)


TABLES = {
    "speed": lambda: speed(list(NETWORKS), list(MACHINES)),
    "speed-in-short": lambda: speed(["bn-mlp-50x256", "resnet-20", "gpt-6x192"], ["performance", "performance-zen5", "performance-intel"]),
    "seconds": seconds,
    "telemetry": telemetry,
    "controls": controls,
    "controls-in-short": lambda: controls(frozenset({"`hold+max-angle:0.1`"})),
    "claims": claims,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; fail if a table is not what its CSV says")
    check = parser.parse_args().check
    stale = []
    for page in PAGES:
        text = page.read_text()
        new = BLOCK.sub(lambda found: found[1] + TABLES[found[2]]() + found[4], text)
        if new != text:
            stale.append(page.relative_to(ROOT))
            if not check:
                page.write_text(new)
    if check and stale:
        print(f"tables that differ from their CSV files: {', '.join(map(str, stale))}; run python3 scripts/doc_tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
