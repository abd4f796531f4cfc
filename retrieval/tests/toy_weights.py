"""A tiny model file for tests of downloads and conversion."""

from __future__ import annotations

import hashlib

import numpy as np

from retrieval.engine.networks.downloads import HttpOrigin
from retrieval.engine.networks.weights import Arrays, WeightSpec, content_digest
from retrieval.engine.vocabulary.labels import load_vocabulary

PUBLISHED = b"weights as published"


def toy_arrays(published: bytes) -> Arrays:
    """Convert the toy model."""
    return {
        "kernel": np.frombuffer(published, dtype=np.uint8).astype(np.float32).reshape(4, -1),
        "bias": np.linspace(-1, 1, len(load_vocabulary("imagenet")), dtype=np.float32),
    }


def toy_spec(name: str = "toy") -> WeightSpec:
    """Return the spec of a model whose published file is `PUBLISHED`."""
    return WeightSpec(
        name=name,
        source_name=f"{name}.bin",
        source_sha256=hashlib.sha256(PUBLISHED).hexdigest(),
        origin=HttpOrigin(f"https://weights.invalid/{name}.bin"),
        converted_name=f"{name}.npz",
        content_sha256=content_digest(toy_arrays(PUBLISHED)),
        vocabulary="imagenet",
        output_bias="bias",
    )
