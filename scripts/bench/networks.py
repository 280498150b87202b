"""What is trained, as specifications of evenkeel."""

import pathlib

ROOT = pathlib.Path(__file__).parents[2]

# A text that is there: the vocabulary is that of bytes.
TEXT = f"bytes:{ROOT / 'docs/theory.md'}"

BASE = {
    "data": "synthetic",
    "batch_size": 128,
    "lr": 0.01,
    "control": "critical",
    "steps": 100_000_000,
    "eval_every": 100_000_000,
    "seed": 0,
}

MLP = {"model": "mlp", "depth": 50, "width": 256, "data": "digits"}
CONV = {"model": "resnet", "depth": 20, "no_shortcut": True}
SMALL = {"depth": 6, "width": 192}

NETWORKS = {
    "bn-mlp-50x256": MLP,
    "conv-20": CONV,
    "conv-19 (model conv)": {"model": "conv", "depth": 19},
    "resnet-20": {"model": "resnet", "depth": 20},
    "conv-56": CONV | {"depth": 56},
    "resnet-56": {"model": "resnet", "depth": 56},
    "vit-6x192": SMALL | {"model": "vit", "batch_size": 64},
    "gpt-6x192": SMALL | {"model": "gpt", "batch_size": 16, "data": TEXT, "context": 128},
    "gpt-qk-6x192": SMALL | {"model": "gpt-qk", "batch_size": 16, "data": TEXT, "context": 128},
}


def spec(network: dict, seed: int) -> dict:
    """The whole specification of a network."""
    return BASE | network | {"seed": seed}
