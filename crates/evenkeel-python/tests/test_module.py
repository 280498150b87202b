"""What can be had without PyTorch."""

from __future__ import annotations

import subprocess
import sys


def test_it_is_imported_and_computes_without_torch_and_jax() -> None:
    code = (
        "import sys; sys.modules |= dict.fromkeys(['torch', 'jax', 'optax', 'lightning', 'transformers'])\n"
        "import evenkeel, evenkeel.log, evenkeel.__main__\n"
        "assert evenkeel.critical_lr([1.0, 4.0], 'minimax') == 0.5"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
