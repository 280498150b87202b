#!/usr/bin/env python3
"""How far Winograd's convolutions are off in 32 bits, by the points that they are made from.

Development only (needs numpy). Root mean squares relative to those of the results, 32 channels, seed 0: of outputs
and of gradients of kernels. Points are finite ones; infinity is always one more.
"""

import numpy

POINTS = {
    2: [(0, 1, -1)],
    4: [(0, 1, -1, 2, -2), (0, 1, -1, 1 / 2, -1 / 2), (0, 1 / 2, -1 / 2, 3 / 2, -3 / 2), (0, 3 / 4, -3 / 4, 3 / 2, -3 / 2)],
}
CHANNELS, TILES = 32, 200


def transforms(points: tuple, outputs: int) -> tuple:
    """A [sums, outputs], G [sums, 3] and Bᵀ [sums, pixels] (Toom & Cook)."""
    sums = outputs + 2
    a, g = numpy.zeros((sums, outputs)), numpy.zeros((sums, 3))
    for i, x in enumerate(points):
        a[i] = [x**j for j in range(outputs)]
        g[i] = numpy.array([x**j for j in range(3)]) / numpy.prod([x - y for y in points if y != x])
    a[-1, -1] = g[-1, -1] = 1
    pairs = [(output, tap) for output in range(outputs) for tap in range(3)]
    products = numpy.array([a[:, output] * g[:, tap] for output, tap in pairs])
    meet = numpy.array([[float(pixel == output + tap) for pixel in range(sums)] for output, tap in pairs])
    return a, g, numpy.linalg.lstsq(products, meet, rcond=None)[0]


def both_axes(matrix: numpy.ndarray, squares: numpy.ndarray) -> numpy.ndarray:
    return numpy.einsum("ij,...jk->...ik", matrix, numpy.einsum("...jk,lk->...jl", squares, matrix))


def off(results: numpy.ndarray, exact: numpy.ndarray) -> float:
    return float(numpy.sqrt(((results - exact) ** 2).mean()) / exact.std())


def rounding(points: tuple, outputs: int) -> tuple:
    random = numpy.random.default_rng(0)
    a, g, b = (matrix.astype(numpy.float32) for matrix in transforms(points, outputs))
    sums = outputs + 2
    pixels = random.uniform(-1, 1, (TILES, CHANNELS, sums, sums))
    kernels = random.uniform(-1, 1, (CHANNELS, 3, 3))
    errors = random.uniform(-1, 1, (TILES, outputs, outputs))
    patches, spread = both_axes(b, pixels.astype(numpy.float32)), both_axes(g, kernels.astype(numpy.float32))
    made = both_axes(a.T.copy(), (patches * spread).sum(1, dtype=numpy.float32))
    back = both_axes(a, errors.astype(numpy.float32))
    gradients = both_axes(g.T.copy(), numpy.einsum("ncij,nij->cij", patches, back))
    windows = numpy.lib.stride_tricks.sliding_window_view
    exact = numpy.einsum("ncijab,cab->nij", windows(pixels, (3, 3), (2, 3)), kernels)
    slopes = numpy.einsum("ncijab,nab->cij", windows(pixels, (outputs, outputs), (2, 3)), errors)
    return off(made, exact), off(gradients, slopes)


def main() -> None:
    for outputs, choices in POINTS.items():
        for points in choices:
            forward, backward = rounding(points, outputs)
            print(f"F({outputs}×{outputs}, 3×3) from {points}: outputs {forward:.1e}, gradients {backward:.1e}")


if __name__ == "__main__":
    main()
