"""EfficientNet-Lite0: its layers with random weights, and the real weights on real photos."""

from __future__ import annotations

import json

import numpy as np
import pytest
from django.conf import settings
from numpy.typing import NDArray
from PIL import Image

from retrieval.engine.errors import ModelInputError, ModelOutputError
from retrieval.engine.networks.classifiers import VIEW_SHAPE
from retrieval.engine.networks.efficientnet_lite0 import (
    STAGES,
    EfficientNetClassifier,
    build,
)
from retrieval.engine.networks.weights import EFFICIENTNET_LITE0, load_arrays
from retrieval.engine.photos.images import centre_square

pytestmark = pytest.mark.weights("efficientnet-lite0")


@pytest.fixture(scope="module")
def classifier() -> EfficientNetClassifier:
    return EfficientNetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)


def _same(
    signal: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int
) -> NDArray[np.float64]:
    """Convolve [height, width, in] with TensorFlow's SAME padding, which is larger at the end."""
    size, _, _, last = kernel.shape
    length = -(-signal.shape[0] // stride)
    total = max(0, (length - 1) * stride + size - signal.shape[0])
    edge = (total // 2, total - total // 2)
    padded = np.pad(signal, (edge, edge, (0, 0)))
    is_depthwise = last == 1
    result: NDArray[np.float64] = np.zeros((length, length, bias.size)) + bias
    span = (length - 1) * stride + 1
    for row in range(size):
        for column in range(size):
            part = padded[row : row + span : stride, column : column + span : stride]
            taps = kernel[row, column]
            result += part * taps[:, 0] if is_depthwise else part @ taps
    return result


def _forward(arrays: dict[str, np.ndarray], image: np.ndarray) -> NDArray[np.float64]:
    """Return the logits of a scaled image, computed in float64 by NumPy alone."""
    numbers = iter(range(49))

    def layer(signal: np.ndarray, *, stride: int = 1, active: bool = True) -> np.ndarray:
        name = f"conv{next(numbers):02}"
        kernel, bias = (arrays[f"{name}.{part}"].astype(np.float64) for part in ("kernel", "bias"))
        signal = _same(signal, kernel, bias, stride)
        return np.asarray(np.clip(signal, 0, 6) if active else signal)

    signal = layer(image.astype(np.float64), stride=2)
    for stage in STAGES:
        for number in range(stage.blocks):
            stride = stage.stride if number == 0 else 1
            inner = layer(signal) if stage.expansion > 1 else signal
            inner = layer(layer(inner, stride=stride), active=False)
            signal = inner + signal if number else inner
    mean = layer(signal).mean(axis=(0, 1))
    return np.asarray(mean @ arrays["dense.kernel"] + arrays["dense.bias"])


def test_the_network_agrees_with_numpy(rng):
    arrays = load_arrays(EFFICIENTNET_LITE0, settings.SOUNDSCAPE_MODELS_DIRECTORY)
    patches = rng.uniform(-1, 1, (14, 14, 3)).astype(np.float32)
    image = patches.repeat(16, axis=0).repeat(16, axis=1)

    (logits,) = build(arrays).predict_on_batch(image[np.newaxis])

    np.testing.assert_allclose(logits, _forward(arrays, image), atol=1e-3)
    assert np.ptp(logits) > 5


def test_ten_photos_get_sensible_classes(classifier, shared_dir):
    """MobileNet's golden classes: two networks agree on most of what a photo shows."""
    golden = json.loads((shared_dir / "golden/top5.json").read_text())["photos"]
    squares = []
    for name in golden:
        with Image.open(shared_dir / "photos/kodak" / name) as photo:
            squares.append(centre_square(photo.convert("RGB"), 224))

    distributions = classifier.classify(np.stack(squares))

    np.testing.assert_allclose(distributions.sum(axis=1), 1)
    first = [classifier.vocabulary[int(one.argmax())].name for one in distributions]
    assert first == [
        "trimaran", "catamaran", "swimming trunks", "valley", "paddle", "lakeside", "warplane",
        "beacon", "barn", "macaw",
    ]  # fmt: skip
    for top, distribution in zip(golden.values(), distributions, strict=True):
        ours = {classifier.vocabulary[int(i)].key for i in np.argsort(-distribution)[:5]}
        assert len(ours & {entry["wnid"] for entry in top}) >= 2


def test_a_batch_gives_the_same_as_single_photos(classifier, rng):
    photos = rng.integers(0, 256, (3, *VIEW_SHAPE), dtype=np.uint8)
    photos[1] //= 4

    together = classifier.classify(photos)

    assert together.dtype == np.float64
    for photo, distribution in zip(photos, together, strict=True):
        np.testing.assert_allclose(
            classifier.classify(photo[np.newaxis])[0], distribution, atol=1e-5
        )
    assert np.abs(together[0] - together[1]).max() > 1e-3


def test_no_photos_give_no_distributions(classifier):
    none = np.empty((0, *VIEW_SHAPE), dtype=np.uint8)
    assert classifier.classify(none).shape == (0, len(classifier.vocabulary))


@pytest.mark.parametrize(
    "photos",
    [
        np.zeros((1, *VIEW_SHAPE), dtype=np.float32),
        np.zeros((1, 224, 224, 4), dtype=np.uint8),
        np.zeros(VIEW_SHAPE, dtype=np.uint8),
    ],
)
def test_photos_of_another_dtype_or_shape_are_refused(classifier, photos):
    with pytest.raises(ModelInputError, match=r"expected uint8 of shape \(n, 224, 224, 3\)"):
        classifier.classify(photos)


def test_an_output_that_is_not_finite_is_an_error(monkeypatch):
    def broken_arrays(spec, directory):
        arrays = load_arrays(spec, directory)
        return arrays | {"dense.bias": np.full_like(arrays["dense.bias"], np.nan)}

    monkeypatch.setattr("retrieval.engine.networks.classifiers.load_arrays", broken_arrays)
    broken = EfficientNetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    with pytest.raises(ModelOutputError, match="the model gave nan"):
        broken.classify(np.zeros((1, *VIEW_SHAPE), dtype=np.uint8))


def test_the_version_names_the_content(classifier):
    assert classifier.model_version == "efficientnet-lite0@1d03189e88a5"
