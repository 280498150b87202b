#!/usr/bin/env python3
"""Measures Muon on matrices of noise: update norm, linear share and memory (T39). Needs PyTorch.

    python scripts/muon_memory.py

Prints Markdown tables: ‖U‖/√min and the linear share a₁ of orthogonalised Gaussian matrices by shape, and
τ = 1 + 2Σρ_j of successive updates by shape and momentum. Gradients are orthogonal to the weight, in float64.
"""

import math

import torch

STEPS, BURN_IN, LAGS, RATE = 400, 150, 160, 1e-3


def orthogonalised(matrix: torch.Tensor) -> torch.Tensor:
    """Five steps of Newton–Schulz, as in torch.optim.Muon but in the precision of the matrix."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / wide.norm()
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x if wide is matrix else x.T


def spectrum(rows: int, columns: int) -> tuple[float, float]:
    """The root mean square of singular values, and the share of an update that is linear in its input."""
    samples = max(4, min(100, 100_000 // min(rows, columns) ** 2))
    squares = product = 0.0
    for _ in range(samples):
        noise = torch.randn(rows, columns, dtype=torch.float64)
        update = orthogonalised(noise)
        squares += (update * update).sum().item() / samples
        product += (update * noise).sum().item() / samples
    return math.sqrt(squares / min(rows, columns)), product**2 / (rows * columns) / squares


def memory(rows: int, columns: int, momentum: float, nesterov: bool) -> float:
    """τ of the updates of one run."""
    weight = torch.randn(rows, columns, dtype=torch.float64)
    buffer = torch.zeros_like(weight)
    updates = []
    for step in range(STEPS):
        gradient = torch.randn_like(weight)
        gradient -= (gradient * weight).sum() / (weight * weight).sum() * weight
        buffer = buffer.lerp(gradient, 1 - momentum)
        update = orthogonalised(gradient.lerp(buffer, momentum) if nesterov else buffer)
        weight = weight - RATE * update
        if step >= BURN_IN:
            updates.append(update.flatten())
    products = torch.stack(updates) @ torch.stack(updates).T
    lags = [products.diagonal(lag).mean().item() for lag in range(LAGS)]
    return 1 + 2 * sum(lags[1:]) / lags[0]


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print("| shape | norm/sqrt(min) | linear share |\n|---|---|---|")
    for shape in [(64, 64), (128, 128), (512, 512), (64, 128), (64, 256), (64, 512)]:
        print("| {} × {} | {:.3f} | {:.3f} |".format(*shape, *spectrum(*shape)))
    print("\n| shape | momentum | Nesterov | memory |\n|---|---|---|---|")
    for shape in [(32, 32), (64, 64), (128, 128), (64, 256), (256, 64)]:
        for momentum in (0.95, 0.9):
            for nesterov in (True, False):
                tau = memory(*shape, momentum, nesterov)
                print("| {} × {} | {} | {} | {:.1f} |".format(*shape, momentum, nesterov, tau))


if __name__ == "__main__":
    main()
