"""``python -m evenkeel forecast|advise``: predictions and diagnoses from a log, or one step's norms.

The same arguments and the same JSON as the commands of the Rust program; exit codes too: 2 for what
was asked, 3 for what was read.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from . import POLICIES, ElrError, __version__, advise, critical_lrs, forecast, read_log
from .theory import Vector

USAGE, FILE = 2, 3


class FileError(Exception):
    """Something wrong with the data."""


def optimizer(args: argparse.Namespace) -> str:
    """The optimiser as the theory reads it."""
    name = args.optimizer
    if args.momentum is not None and name != "sgd":
        raise ElrError(f"--momentum is for sgd; {name} has its own")
    if args.nesterov and args.momentum is None:
        raise ElrError("--nesterov needs --momentum")
    if args.decoupled and args.weight_decay is None:
        raise ElrError("--decoupled needs --weight-decay")
    settings = []
    if args.momentum is not None:
        settings.append(f"mu={args.momentum!r}")
    if args.weight_decay is not None:
        coupled = name == "sgd" and not args.decoupled
        settings.append(f"{'l2' if coupled else 'decay'}={args.weight_decay!r}")
    if args.momentum is not None:
        name = "nesterov" if args.nesterov else "momentum"
    return f"{name}:{','.join(settings)}" if settings else str(name)


def read(args: argparse.Namespace, by: str) -> tuple[list[str], Vector, int | None]:
    """The layers, their ELRs and the training step; what the reader noticed goes to standard error."""
    try:
        log = read_log(
            args.log, step=args.step, run=args.run_name, skip=args.skip, only=args.only,
            weight=args.weight, gradient=args.gradient, update=args.update,
        )  # fmt: skip
        elr = log.elr(by)
    except ElrError as error:
        raise FileError(error) from error
    for warning in log.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return log.layers, elr, log.step


def run_forecast(args: argparse.Namespace) -> dict[str, Any]:
    by = optimizer(args)
    control = args.control if args.warmup is None else f"critical:{args.warmup}"
    # What was asked is checked before anything is read.
    forecast([1.0], args.lr, 0, optimizer=by, control=control, schedule=args.schedule)
    layers, elr, _ = read(args, by)
    run = forecast(
        elr, args.lr, args.steps, optimizer=by, control=control, schedule=args.schedule
    )
    critical = {name.replace("-", "_"): rate for name, rate in critical_lrs(elr).items()}
    return {
        "layers": layers,
        "lr": run.lr.tolist(),
        "elr": run.elr.tolist(),
        "spread": {"std": run.spread_std.tolist(), "range": run.spread_range.tolist()},
        "critical": critical,
        "warmup_steps": run.warmup_steps,
    }


def run_advise(args: argparse.Namespace) -> dict[str, Any]:
    by = optimizer(args)
    advise([1.0], args.lr, optimizer=by)
    layers, elr, step = read(args, by)
    found = advise(elr, args.lr, optimizer=by, layers=layers, step=step)
    arrays = ("rescale_factors", "lr_multipliers")
    return found | {key: found[key].tolist() for key in arrays}


def show_forecast(found: dict[str, Any]) -> None:
    ranges, last = found["spread"]["range"], len(found["lr"])
    print(f"{len(found['layers'])} layers\n\n  step          lr  decades")
    digits = (digit * 10**power for power in range(18) for digit in (1, 2, 5))
    for step in [0, *(step for step in digits if step < last), *([last] if last else [])]:
        rate = f"{found['lr'][step]:.4e}" if step < last else "–"
        print(f"{step:>6}  {rate:>10}  {ranges[step] / 2.302585092994046:>7.2f}")
    print("\nCritical learning rate at step 0:")
    for name, rate in found["critical"].items():
        print(f"  {name.replace('_', '-'):<13} {rate:.4e}")
    print(f"Steps of warm-up: {found['warmup_steps']}")


def show_advise(found: dict[str, Any]) -> None:
    print(f"Spread: {found['spread']['decades']:.2f} decades over {len(found['layers'])} layers")
    for row in found["carriers"][:5]:
        print(f"  {row['decades_from_mean']:+.2f} decades from the mean  {row['layer']}")
    growth = found["growth_per_layer"]
    towards = {"none": "without a clear trend"}.get(growth["direction"], f"towards the {growth['direction']}")
    print(f"\nThey grow by a factor of {growth['value']:.2f} a layer {towards} (R² {growth['r2']:.2f})")
    print(f"\nThe planned rate turns layers by tangents up to {found['turn_tangent']['largest']:.3g}")
    print("Critical rates:")
    for name, rate in found["critical"].items():
        print(f"  {name.replace('_', '-'):<13} {rate:.4e}")
    print(f"\nSteps until the largest ELR is at most {found['equal_ratio']:g}× the smallest:")
    for row in found["plans"]:
        steps = row["steps_until_equal"]
        print(f"  {row['plan']:<22} {'not foreseen' if steps is None else f'{steps:.3g}'}")
    if found["spread"]["decades"] >= 0.5:
        show_cure(found)
    print(f"\nDo this: take the control {found['control']}")
    print(f"  why       {found['reason']}")
    print(f"  how sure  {found['confidence']}" + (f": {found['doubt']}" if found["doubt"] else ""))
    for place, line in found["lines"].items():
        print(f"  {place:<9} {line}")


def show_cure(found: dict[str, Any]) -> None:
    print("\nlayer: a (multiply its weight once), m (multiply its learning rate at every step)")
    rows = zip(found["layers"], found["rescale_factors"], found["lr_multipliers"], strict=True)
    for name, factor, multiplier in rows:
        print(f"  {name}: {factor:.6e}, {multiplier:.6e}")


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m evenkeel", description=(__doc__ or "").split("\n")[0])
    top.add_argument("--version", action="version", version=f"evenkeel {__version__}")
    commands = top.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "log", nargs="+",
        help="log of a run, as files or folders, in any format that is read; or layer,weight_norm,grad_norm; - for standard input",
    )  # fmt: skip
    common.add_argument("--step", type=int, help="training step (default: the first with all norms)")
    common.add_argument("--run", dest="run_name", metavar="NAME", help="run, where the log holds several")
    common.add_argument("--skip", action="append", default=[], metavar="GLOB", help="layers that do not count")
    common.add_argument("--only", action="append", default=[], metavar="GLOB", help="the only layers that count")
    for norm, what in (("weight", "|W|"), ("gradient", "|grad W|"), ("update", "|dW|")):
        common.add_argument(f"--{norm}", metavar="PATTERN", help=f"how tags name {what}")
    common.add_argument("--lr", type=float, required=True, help="learning rate: the peak of the schedule")
    common.add_argument("--optimizer", choices=["sgd", "adam", "adamw"], default="sgd")
    common.add_argument("--momentum", type=float, help="momentum of SGD")
    common.add_argument("--nesterov", action="store_true", help="Nesterov's form of momentum")
    common.add_argument("--weight-decay", type=float, help="L2 for sgd unless --decoupled, decoupled for adamw")
    common.add_argument("--decoupled", action="store_true", help="decay weights apart from the gradient")
    common.add_argument("--json", action="store_true", help="print one JSON object")
    predict = commands.add_parser("forecast", parents=[common], help="predict how ELRs will evolve")
    predict.add_argument("--steps", type=int, required=True)
    predict.add_argument("--warmup", choices=POLICIES, help="the same as --control critical:POLICY")
    predict.add_argument("--control", default="none", help="control of ELRs, such as critical or hold")
    predict.add_argument("--schedule", default="constant", help="such as linear-warmup:100+cosine")
    predict.set_defaults(run=run_forecast, show=show_forecast)
    diagnose = commands.add_parser("advise", parents=[common], help="say what is the matter, and what would help")
    diagnose.set_defaults(run=run_advise, show=show_advise)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        if args.step is not None and args.step < 0:
            raise ElrError(f"--step is {args.step}, but must be at least 0")
        if getattr(args, "steps", 0) < 0:
            raise ElrError(f"--steps is {args.steps}, but must be at least 0")
        found = args.run(args)
    except (ElrError, FileError) as error:
        print(f"error: {error}", file=sys.stderr)
        return FILE if isinstance(error, FileError) else USAGE
    try:
        if args.json:
            print(json.dumps(found, allow_nan=False))
        else:
            args.show(found)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has had enough, as `head` has; nothing is left to be flushed when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
