"""The guide's code runs as it is written."""

from __future__ import annotations

import re

from conftest import ROOT


def test_the_guide_runs() -> None:
    text = (ROOT / "docs/python.md").read_text()
    cells = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    assert len(cells) >= 2
    for cell in cells:
        exec(cell, names)
    assert names["warmup"].get_last_lr()[0] <= 1.0
