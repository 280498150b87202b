"""Norms from the log of a training run, in any format that a tracker or trainer writes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import _theory
from ._theory import Snapshot

Path = str | os.PathLike[str]


def read_log(
    paths: Path | Sequence[Path],
    *,
    step: int | None = None,
    run: str | None = None,
    skip: Sequence[str] = (),
    only: Sequence[str] = (),
    weight: str | None = None,
    gradient: str | None = None,
    update: str | None = None,
) -> Snapshot:
    """Read one step's norms from a log: files, folders, or several that belong to one run.

    The formats are told by the content: history and charts of Weights & Biases, event files and CSV of
    TensorBoard, MLflow, Lightning, Composer, levanter, Hugging Face's ``trainer_state.json``, JSON Lines,
    tables with ``step,layer,weight_norm,grad_norm``, and the run folders of evenkeel. What is set aside,
    such as the norm over all weights, is said in ``warnings``.

    Args:
        paths: Files or folders.
        step: The training step. Default: the first at which every layer has its norms.
        run: The run, where the log holds several.
        skip: Layers that do not count, as no normalization follows them: names, or patterns with ``*``
            and ``?``.
        only: The only layers that count, likewise.
        weight: How tags name ‖W‖: ``NAME`` in ``NAME/LAYER`` or ``LAYER/NAME``, or a pattern whose ``*``
            is the layer. Default: the usual names, such as ``weight_norm``.
        gradient: How tags name ‖∇W‖. Default: the usual names, such as ``grad_norm``.
        update: How tags name ‖ΔW‖, the norm of a step. Default: the usual names, such as ``update_norm``.

    Returns:
        The layers in the order of depth, with ``elr()``, ``layers``, ``step`` and ``warnings``.

    Raises:
        ElrError: The log says too little, says two things at once, or cannot be read.
    """
    files = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    return _theory.read_log(files, step, run, list(skip), list(only), weight, gradient, update)
