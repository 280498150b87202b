"""Effective learning rates in PyTorch: measured in the training loop, and steered.

What is measured is what the optimiser is about to apply: hooks on ``optimizer.step`` see gradients
after unscaling, accumulation and clipping, and no step that a gradient scaler skips.
"""

from .controller import ElrController
from .hold import HoldElr
from .notices import ElrWarning
from .probe import ElrProbe
from .reading import Reading
from .rescale import rescale_
from .warmup import CriticalWarmup

__all__ = ["CriticalWarmup", "ElrController", "ElrProbe", "ElrWarning", "HoldElr", "Reading", "rescale_"]
