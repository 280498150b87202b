"""Norms from what run trackers export: CSV of Weights & Biases, of TensorBoard, or of the like."""

from __future__ import annotations

import csv
import io
import math
import os
import pathlib
import re
from collections.abc import Iterator, Sequence

from ._theory import ElrError, Snapshot

STEPS = ("step", "_step", "global_step", "trainer/global_step")
"""Columns that count steps, in any case of letters."""

Path = str | os.PathLike[str]


def read_log(
    paths: Path | Sequence[Path],
    *,
    step: int | None = None,
    skip: Sequence[str] = (),
    weight: str = "weight_norm",
    gradient: str = "grad_norm",
) -> Snapshot:
    """Read one step's norms from exported CSV: the first step that has them all, or ``step``.

    ``skip`` names layers that do not count, as no normalization follows them: the classifier's, mostly.
    Tags name the layer and what it is: ``grad_norm/conv1.weight`` or ``conv1.weight/grad_norm``.
    One file has a column for each tag, as Weights & Biases exports it (``run - tag`` is a tag too, its
    ``__MIN`` and ``__MAX`` are not); or each has the values of a tag, as TensorBoard downloads it
    (``Wall time,Step,Value`` in ``run-NAME-tag-TAG.csv``).
    """
    files = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    found: dict[tuple[int, str], dict[str, float]] = {}
    tags: dict[str, None] = {}
    for path in files:
        for at, tag, value in values(pathlib.Path(path)):
            tags[tag] = None
            for kind in (weight, gradient):
                layer = layer_of(tag, kind)
                if layer is not None and layer not in skip:
                    found.setdefault((at, layer), {})[kind] = value
    layers = list(dict.fromkeys(layer for _, layer in found))
    names = ", ".join(str(file) for file in files)
    if not layers:
        raise ElrError(
            f"{names}: no tag is {gradient}/LAYER or LAYER/{gradient}, or the same with {weight}; there are "
            f"{', '.join([*tags][:5]) or 'none'}. Name what your tags say: read_log(paths, weight=…, gradient=…)"
        )
    for layer in layers:
        for kind in (weight, gradient):
            if not any(kind in row for (_, name), row in found.items() if name == layer):
                raise ElrError(f"{names}: `{layer}` has no {kind}, but an ELR is ‖∇W‖/‖W‖: log both norms of each weight")
    whole = [at for at in sorted({at for at, _ in found}) if all(len(found.get((at, layer), {})) == 2 for layer in layers)]
    chosen = whole[:1] if step is None else [at for at in whole if at == step]
    if not chosen:
        raise ElrError(f"{names}: norms of all {len(layers)} layers at step {step or 'any'} are not there; steps that have them: {whole[:10] or 'none'}")
    at = chosen[0]
    rows = [(layer, found[at, layer][weight], found[at, layer][gradient]) for layer in layers]
    return Snapshot.parse(as_csv(rows), f"{names} at step {at}")


def values(path: pathlib.Path) -> Iterator[tuple[int, str, float]]:
    """Step, tag and value of every number in a file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = list(rows.fieldnames or [])
            steps = [c for c in columns if c.lower() in STEPS]
            if not steps:
                raise ElrError(f"{path}: no column counts steps; there must be one of {', '.join(STEPS)}")
            # Weights & Biases adds the extremes over the runs of a group.
            columns = [c for c in columns if not c.endswith(("__MIN", "__MAX"))]
            single = [c.lower() for c in columns] == ["wall time", "step", "value"]
            for row in rows:
                at = number(row[steps[0]])
                for column in [columns[2]] if single else columns:
                    value = number(row[column])
                    if column != steps[0] and math.isfinite(at) and math.isfinite(value):
                        yield int(at), tag_of(path, column, single), value
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ElrError(f"{path}: {error}") from error


def tag_of(path: pathlib.Path, column: str, single: bool) -> str:
    """What a column's numbers are."""
    if single:
        return path.stem.rpartition("-tag-")[2]
    return column.rpartition(" - ")[2]


def layer_of(tag: str, kind: str) -> str | None:
    """The layer that a tag of a kind is of; TensorBoard writes ``/`` as ``_`` in names of files."""
    escaped = re.escape(kind)
    match = re.fullmatch(rf"(?:.*/)?{escaped}[/_](?P<a>.+)|(?P<b>.+)[/_]{escaped}", tag)
    return None if match is None else match["a"] or match["b"]


def number(text: str | None) -> float:
    """A number, or NaN for what is none."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def as_csv(rows: list[tuple[str, float, float]]) -> bytes:
    """Norms as the reader of snapshots takes them, which checks them."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("layer", "weight_norm", "grad_norm"))
    writer.writerows((layer, repr(w), repr(g)) for layer, w, g in rows)
    return text.getvalue().encode()
