"""Checks of the inputs and outputs of networks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from retrieval.engine.errors import ModelInputError, ModelOutputError
from retrieval.engine.networks.model_io import (
    check_input,
    class_probabilities,
    independent_probabilities,
)


def test_probabilities_agree_with_scipy(rng):
    logits = rng.normal(scale=20, size=(3, 4, 7)).astype(np.float32)

    probabilities = class_probabilities(logits, classes=7)

    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities, softmax(logits.astype(np.float64), axis=-1))


def test_huge_logits_do_not_overflow():
    np.testing.assert_array_equal(class_probabilities([[1e4, 0.0, -1e4]], classes=3), [[1, 0, 0]])


def test_independent_probabilities_agree_with_scipy(rng):
    logits = rng.normal(scale=20, size=(3, 4, 7)).astype(np.float32)

    probabilities = independent_probabilities(logits, classes=7)

    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities, expit(logits.astype(np.float64)), rtol=1e-12)


def test_huge_independent_logits_do_not_overflow():
    np.testing.assert_array_equal(
        independent_probabilities([[1e4, 0.0, -1e4]], classes=3), [[1, 0.5, 0]]
    )


def test_no_rows_give_no_rows():
    assert class_probabilities(np.empty((0, 3)), classes=3).shape == (0, 3)


@pytest.mark.parametrize("function", [class_probabilities, independent_probabilities])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_output_that_is_not_finite_is_an_error_with_its_position(function, bad):
    logits = np.zeros((2, 3))
    logits[1, 2] = bad

    with pytest.raises(ModelOutputError, match=rf"gave {bad} at \(1, 2\)"):
        function(logits, classes=3)


@pytest.mark.parametrize("shape", [(), (2,), (3, 2)])
def test_output_with_another_number_of_classes_is_an_error(shape):
    with pytest.raises(ModelOutputError, match="expected 3 classes"):
        class_probabilities(np.zeros(shape), classes=3)


@pytest.mark.parametrize(
    "batch",
    [
        np.zeros((2, 5), dtype=np.float64),
        np.zeros((2, 6), dtype=np.float32),
        np.zeros(5, dtype=np.float32),
        np.zeros((1, 2, 5), dtype=np.float32),
        np.float32(0),
    ],
)
def test_input_of_another_dtype_or_shape_is_refused(batch):
    with pytest.raises(ModelInputError, match=r"expected float32 of shape \(n, 5\), got"):
        check_input(np.asarray(batch), dtype=np.float32, shape=(5,))


def test_input_that_is_not_finite_is_refused_with_its_position():
    batch = np.zeros((3, 5), dtype=np.float32)
    batch[1, 4] = np.nan

    with pytest.raises(ModelInputError, match="item 1 "):
        check_input(batch, dtype=np.float32, shape=(5,))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_valid_input_is_accepted(count):
    check_input(np.zeros((count, 5), dtype=np.float32), dtype=np.float32, shape=(5,))
    check_input(np.zeros((count, 2, 2, 3), dtype=np.uint8), dtype=np.uint8, shape=(2, 2, 3))
