#!/usr/bin/env python3
"""How fast evenkeel trains on a CPU beside PyTorch, what telemetry costs, and how both scale.

Development only: pip install torch numpy safetensors, then

    python scripts/bench_torch.py [compare] [telemetry] [scaling] [--quick] [--threads 1 2] [--out DIR]

`compare` trains the same networks from the same weights and batches in both, in short blocks by
turns, and checks that the losses agree. evenkeel has norms of all layers at every step, control
`critical` and its logs switched on; `plain` is without. PyTorch has the fastest of its layouts and
of its ways to do SGD, and beside that torch.compile. Ratios are PyTorch's time ÷ evenkeel's: above 1
evenkeel is faster. Exit status 1 when losses differ.
"""

import argparse
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).parent / "bench"))

import compare
import scaling
import tables
import telemetry
from networks import NETWORKS, spec
from sides import build

PARTS = ("compare", "telemetry", "scaling")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="compare, telemetry, scaling; all of them without")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch-size", type=int, metavar="N", help="instead of the networks' own")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few steps of each: whether it works, not how fast")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="leave out torch.compile")
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR", help="also write CSV and Markdown there")
    parser.add_argument("--step", metavar="PATH", help="evenkeel's side, already built")
    given = parser.parse_args()
    unknown = [part for part in given.parts if part not in PARTS]
    unknown += [name for name in given.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; parts are {', '.join(PARTS)}; networks {', '.join(NETWORKS)}")
    given.parts = given.parts or PARTS
    own = {} if given.batch_size is None else {"batch_size": given.batch_size}
    given.spec = lambda name: spec(NETWORKS[name] | own, given.seed)
    given.say = lambda text: print(text, file=sys.stderr, flush=True)
    return given


def compared(program: str, given: argparse.Namespace) -> tuple:
    rows = []
    for name in given.networks:
        for threads in given.threads:
            row = compare.compare(program, name, threads, given)
            compiled = row["compiled_ratio"] or row["compiled_refusal"] or "left out"
            given.say(
                f"  {name}, {threads} threads: {row['ratio']:.2f} ({row['ratio_low']:.2f}–{row['ratio_high']:.2f}), "
                f"first loss off by {row['first_loss_diff']:.1e}; compiled: {compiled}"
            )
            rows.append(row)
    return rows, []


def main() -> int:
    import torch  # Only for its version, and to fail before anything is built.

    given = options()
    program = given.step or build()
    measured = {
        "compare": lambda: (compare.COLUMNS, *compared(program, given)),
        "telemetry": lambda: (telemetry.COLUMNS, telemetry.overheads(program, given), []),
        "scaling": lambda: (scaling.COLUMNS, *scaling.scaling(program, given)),
    }
    failed = False
    for part in given.parts:
        columns, rows, lines = measured[part]()
        command = " ".join(["python scripts/bench_torch.py", *sys.argv[1:]])
        head = f"`{command}`\n\n{tables.conditions(given.seed, torch.__version__)}\n\n"
        text = head + tables.markdown(columns, rows) + "".join(f"\n- {line}" for line in lines)
        print(text, flush=True)
        if given.out:
            tables.write(given.out, part, columns, rows, text + "\n" * bool(lines))
        failed |= not all(row.get("agrees", True) for row in rows)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
