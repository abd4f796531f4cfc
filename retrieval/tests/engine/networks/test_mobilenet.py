"""MobileNet against the golden files and the reference weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from retrieval.engine.errors import ModelInputError, ModelOutputError
from retrieval.engine.networks.backend import load_keras
from retrieval.engine.networks.classifiers import VIEW_SHAPE
from retrieval.engine.networks.mobilenet import MobileNetClassifier, build
from retrieval.engine.networks.weights import MOBILENET_V2, load_arrays
from retrieval.engine.photos.images import centre_square


@pytest.fixture(scope="module")
def classifier() -> MobileNetClassifier:
    return MobileNetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)


@pytest.mark.weights("mobilenet")
def test_ten_photos_get_the_golden_classes(classifier, shared_dir):
    golden = json.loads((shared_dir / "golden/top5.json").read_text())["photos"]
    assert len(golden) == 10
    squares = []
    for name in golden:
        with Image.open(shared_dir / "photos/kodak" / name) as photo:
            squares.append(centre_square(photo.convert("RGB"), VIEW_SHAPE[0]))

    distributions = classifier.classify(np.stack(squares))

    vocabulary = classifier.vocabulary
    assert distributions.shape == (10, len(vocabulary))
    for (name, top), distribution in zip(golden.items(), distributions, strict=True):
        assert vocabulary[int(distribution.argmax())].key == top[0]["wnid"], name
        for entry in top:
            found = distribution[vocabulary.by_key(entry["wnid"]).index]
            assert found == pytest.approx(entry["p"], abs=0.02), (name, entry)


@pytest.mark.weights("mobilenet")
def test_the_network_is_the_reference_network(shared_dir):
    reference = load_keras().applications.MobileNetV2(
        weights=str(shared_dir / "models/mobilenet_v2_1.0_224.weights.h5")
    )
    network = build(load_arrays(MOBILENET_V2, settings.SOUNDSCAPE_MODELS_DIRECTORY))

    for ours, theirs in zip(network.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.weights("mobilenet")
def test_a_batch_gives_the_same_as_single_photos(classifier, rng):
    photos = rng.integers(0, 256, (3, *VIEW_SHAPE), dtype=np.uint8)
    photos[1] //= 4

    together = classifier.classify(photos)

    assert together.dtype == np.float64
    np.testing.assert_allclose(together.sum(axis=1), 1)
    for photo, distribution in zip(photos, together, strict=True):
        np.testing.assert_allclose(
            classifier.classify(photo[np.newaxis])[0], distribution, atol=1e-5
        )
    assert np.abs(together[0] - together[1]).max() > 1e-3


@pytest.mark.weights("mobilenet")
def test_no_photos_give_no_distributions(classifier):
    none = np.empty((0, *VIEW_SHAPE), dtype=np.uint8)
    assert classifier.classify(none).shape == (0, len(classifier.vocabulary))


@pytest.mark.weights("mobilenet")
@pytest.mark.parametrize(
    "photos",
    [
        np.zeros((1, *VIEW_SHAPE), dtype=np.float32),
        np.zeros((1, *VIEW_SHAPE[:2], 4), dtype=np.uint8),
        np.zeros(VIEW_SHAPE, dtype=np.uint8),
    ],
)
def test_photos_of_another_dtype_or_shape_are_refused(classifier, photos):
    with pytest.raises(ModelInputError, match=r"expected uint8 of shape \(n, 224, 224, 3\)"):
        classifier.classify(photos)


@pytest.mark.weights("mobilenet")
def test_an_output_that_is_not_finite_is_an_error(monkeypatch):
    def broken_arrays(spec, directory):
        arrays = load_arrays(spec, directory)
        return arrays | {"dense.bias": np.full_like(arrays["dense.bias"], np.nan)}

    monkeypatch.setattr("retrieval.engine.networks.classifiers.load_arrays", broken_arrays)
    broken = MobileNetClassifier(settings.SOUNDSCAPE_MODELS_DIRECTORY)
    with pytest.raises(ModelOutputError, match="the model gave nan"):
        broken.classify(np.zeros((1, *VIEW_SHAPE), dtype=np.uint8))


@pytest.mark.weights("mobilenet")
def test_the_version_names_the_content(classifier):
    assert classifier.model_version == "mobilenet-v2-1.0-224@6ce178a344ee"
