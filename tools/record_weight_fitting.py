#!/usr/bin/env python3
"""Records what NumPy gives for fitted and rounded weights: weight_fitting.json and rounding_enumeration.json in
Tests/QuantizationTests/Recorded.

    tools/record_weight_fitting.py [--seed 5]

Least squares come from numpy.linalg.lstsq on the rows themselves, GPTQ's codes from the algorithm as it was published
(inverse covariance, its upper Cholesky factor, errors passed on column by column), the best choice of up and down from
trying all of them: for 1,000 tiny layers, with every output for itself and with outputs coupled by a curvature G, in the
form vec(D)^T (A kron G) vec(D) with the columns of D one after another.
"""
import argparse
import itertools
import json
from pathlib import Path

import numpy as np

LIMIT = 127
LAYERS = 1000


def rows_of(random, count, width, outputs, correlation=0.6):
    """Correlated integer inputs as int8 codes less a zero point, with wanted results."""
    mixing = np.eye(width) + correlation * random.normal(0, 1, (width, width)) / np.sqrt(width)
    inputs = np.clip(np.round(random.normal(3, 25, (count, width)) @ mixing), -128, 255)
    weights = random.normal(0, 0.02, (outputs, width))
    wanted = inputs @ weights.T + random.normal(0, 0.3, (count, outputs)) + random.normal(0, 1, outputs)
    return inputs, wanted.astype(np.float32).astype(np.float64), weights


def least_squares(random, width, outputs, ridge):
    inputs, wanted, near = rows_of(random, 200, width, outputs)
    start = near + random.normal(0, 0.004, near.shape)
    count = len(inputs)
    # The last column is the constant that the bias multiplies; it pays no ridge.
    rows = np.hstack([inputs, np.ones((count, 1))])
    pull = np.hstack([np.eye(width) * np.sqrt(ridge * count), np.zeros((width, 1))])
    solution = np.linalg.lstsq(
        np.vstack([rows, pull]), np.vstack([wanted, np.sqrt(ridge * count) * start.T]), rcond=None)[0]
    return {"width": width, "outputs": outputs, "ridge": ridge, "rows": inputs.ravel().tolist(),
            "targets": wanted.ravel().tolist(), "start": start.ravel().tolist(),
            "weights": solution[:-1].T.ravel().tolist(), "bias": solution[-1].tolist()}  # fmt: skip


def code(real):
    """Half away from zero, as the quantiser rounds."""
    return np.clip(np.sign(real) * np.floor(np.abs(real) + 0.5), -LIMIT, LIMIT)


def gptq(weights, scales, covariance):
    """Algorithm 1 of arXiv 2210.17323 with the columns in their order."""
    left = weights.copy()
    factor = np.linalg.cholesky(np.linalg.inv(covariance)).T
    codes = np.zeros(weights.shape, int)
    for column in range(weights.shape[1]):
        codes[:, column] = code(left[:, column] / scales)
        error = (left[:, column] - codes[:, column] * scales) / factor[column, column]
        left[:, column:] -= np.outer(error, factor[column, column:])
    return codes


def objective(difference, covariance):
    return np.einsum("ri,ij,rj->r", difference, covariance, difference)


def rounding(random, width, outputs, levels):
    inputs, _, weights = rows_of(random, 4 * width, width, outputs, correlation=2)
    covariance = np.cov(inputs.T, bias=True) + 0.5 * np.eye(width)
    scales = (np.abs(weights).max(1) / levels).astype(np.float32).astype(np.float64)
    nearest = code(weights / scales[:, None]).astype(int)
    case = {"width": width, "outputs": outputs, "weights": weights.ravel().tolist(), "scales": scales.tolist(),
            "covariance": covariance.ravel().tolist(), "nearest": nearest.ravel().tolist(),
            # depthc rounds the last column first.
            "gptq": gptq(weights[:, ::-1], scales, covariance[::-1, ::-1])[:, ::-1].ravel().tolist()}  # fmt: skip
    case["nearestObjective"] = objective(nearest * scales[:, None] - weights, covariance).tolist()
    if width <= 12:
        choices = np.array(list(itertools.product([0, 1], repeat=width)))
        case["leastObjective"] = [
            float(objective((np.floor(w / s) + choices) * s - w, covariance).min()) for w, s in zip(weights, scales)]
    return case


def scale_case(random, width):
    weights = random.normal(0, 1, width)
    weights[0] = 4
    importance = random.uniform(0.1, 1, width)
    importance[0] = 1e-5
    largest = np.abs(weights).max()
    scales = [float(np.float32(largest / LIMIT * percent / 100)) for percent in range(100, 78, -2)]

    def best(importance):
        return min(scales, key=lambda scale: (importance * (code(weights / scale) * scale - weights) ** 2).sum())

    assert best(importance) != best(np.ones(width)), "a case in which importance decides"
    return {"weights": weights.tolist(), "importance": importance.tolist(), "scale": best(importance)}


def rounded_matrix(matrix):
    """Its lower triangle by rows, to few enough digits to be recorded, and the symmetric matrix of just these numbers."""
    lower = [float(f"{matrix[i, j]:.7g}") for i in range(len(matrix)) for j in range(i + 1)]
    full = np.zeros(matrix.shape)
    full[np.tril_indices(len(matrix))] = lower
    return lower, full + np.tril(full, -1).T


def positive(random, size, decades):
    """A random covariance with eigenvalues over up to so many decades."""
    basis = np.linalg.qr(random.normal(0, 1, (size, size)))[0]
    return basis @ np.diag(10 ** random.uniform(-decades, 0, size)) @ basis.T


def form(vectors, matrix):
    return (vectors @ matrix * vectors).sum(1)


def tiny_layer(random):
    """A layer in units of its scale, with the least objective over all choices of up and down, and in small layers over
    the two codes below and the two above every weight."""
    outputs = int(random.integers(1, 4))
    width = int(random.integers(2, min(8, 16 // outputs) + 1))
    covariance, inputs = rounded_matrix(positive(random, width, random.uniform(0, 4)))
    curvature, coupling = rounded_matrix(positive(random, outputs, random.uniform(0, 3)))
    weights = np.round(random.uniform(-6.9, 6.9, (outputs, width)), 5)
    both = np.kron(inputs, coupling)
    assert np.linalg.eigvalsh(both).min() > 0

    nearest = (code(weights) - weights).T.ravel()
    choices = np.array(list(itertools.product([0, 1], repeat=outputs * width)))
    errors = choices + (np.floor(weights) - weights).T.ravel()
    least = form(errors, both).min()
    case = {}
    if outputs * width <= 8:
        wide = np.array(list(itertools.product([-1, 0, 1, 2], repeat=outputs * width)))
        codes = np.clip(np.floor(weights).T.ravel() + wide, -7, 7)
        case["leastOfFour"] = float(form(codes - weights.T.ravel(), both).min())
    rows = np.array(list(itertools.product([0, 1], repeat=width)))
    alone = sum(objective(np.floor(row) + rows - row, inputs).min() for row in weights)
    return {"outputs": outputs, "weights": weights.ravel().tolist(), "covariance": covariance, "curvature": curvature,
            "nearest": float(nearest @ both @ nearest), "least": float(least), "leastAlone": float(alone), **case}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=5)
    seed = parser.parse_args().seed
    random = np.random.default_rng(seed)
    result = {
        "producer": "NumPy", "version": np.__version__, "seed": seed, "command": "tools/record_weight_fitting.py",
        "leastSquares": [least_squares(random, *case) for case in ((4, 2, 0.0), (9, 3, 0.0), (9, 3, 20.0))],
        "rounding": [rounding(random, *case) for case in ((6, 20, 3), (10, 20, 7), (12, 10, 15), (132, 3, 127))],
        "scales": [scale_case(random, width) for width in (3, 12, 40)],
    }
    enumeration = {key: result[key] for key in ("producer", "version", "seed", "command")}
    enumeration["layers"] = [tiny_layer(np.random.default_rng([seed, index])) for index in range(LAYERS)]
    folder = Path(__file__).resolve().parents[1] / "Tests/QuantizationTests/Recorded"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("weight_fitting", result), ("rounding_enumeration", enumeration)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content) + "\n")
        print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
