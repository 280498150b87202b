"""Measure, predict and fix the effective learning rates (ELRs) of deep normalized networks.

The theory is computed in Rust; arrays go in and out. ``evenkeel.torch`` brings it into a training
loop, and needs PyTorch; this module does not.
"""

from ._theory import (
    Controller,
    Controls,
    ElrError,
    Forecast,
    Layers,
    Phase,
    Plan,
    Snapshot,
    Spread,
    StepContext,
    __version__,
)
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
    "Controller",
    "Controls",
    "ElrError",
    "Forecast",
    "Layers",
    "Phase",
    "Plan",
    "Snapshot",
    "Spread",
    "StepContext",
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
