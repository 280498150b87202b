"""Measure, predict and fix the effective learning rates (ELRs) of deep normalized networks.

The theory is computed in Rust; arrays go in and out. ``evenkeel.torch`` brings it into a training
loop, and needs PyTorch; this module does not.
"""

from ._theory import Controls, ElrError, Forecast, Phase, Plan, Snapshot, Spread, __version__
from .log import read_log
from .theory import (
    POLICIES,
    advance,
    advise,
    critical_lr,
    critical_lrs,
    forecast,
    phase,
    read_snapshot,
    rescale_factors,
    spread,
)

__all__ = [
    "POLICIES",
    "Controls",
    "ElrError",
    "Forecast",
    "Phase",
    "Plan",
    "Snapshot",
    "Spread",
    "__version__",
    "advance",
    "advise",
    "critical_lr",
    "critical_lrs",
    "forecast",
    "phase",
    "read_log",
    "read_snapshot",
    "rescale_factors",
    "spread",
]
