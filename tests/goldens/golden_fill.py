"""Deterministic parameters for the golden files, made from a parameter's name and shape alone.

A golden file stores no weights. It stores the name and the shape of every parameter and buffer of
the module that produced it; both sides fill their modules with `fill` and must then agree on the output.
"""

import zlib

import numpy as np


def fill(name: str, shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Return the value of one parameter or buffer.

    name   dotted name, as listed in the golden file (the names that published checkpoints use)
    shape  its shape
    kind   'weight'        any tensor of two or more dimensions: normal, std 1/sqrt(fan_in), where
                           fan_in is the product of all dimensions but the first
           'bias'          one-dimensional bias, or any other one-dimensional tensor: normal * 0.1
           'scale'         one-dimensional norm weight: 1 + normal * 0.1
           'running_mean'  normal * 0.1
           'running_var'   uniform in [0.5, 1.5)
           'count'         zeros (num_batches_tracked), int64
           'scalar'        zero-dimensional tensor: 0.5
    Returns float32, except 'count'. The generator is numpy's default_rng seeded with crc32(name).
    """
    rng = np.random.default_rng(zlib.crc32(name.encode("utf-8")))
    if kind == "count":
        return np.zeros(shape, dtype=np.int64)
    if kind == "scalar":
        return np.full(shape, 0.5, dtype=np.float32)
    if kind == "running_var":
        return rng.uniform(0.5, 1.5, size=shape).astype(np.float32)
    values = rng.standard_normal(size=shape)
    if kind == "weight":
        fan_in = int(np.prod(shape[1:])) or 1
        return (values / np.sqrt(fan_in)).astype(np.float32)
    if kind == "scale":
        return (1.0 + 0.1 * values).astype(np.float32)
    if kind in ("bias", "running_mean"):
        return (0.1 * values).astype(np.float32)
    raise ValueError(f"unknown kind {kind!r} for {name!r}")
