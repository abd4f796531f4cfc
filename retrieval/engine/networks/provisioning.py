"""Find or download a network's weights and convert them."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from retrieval.engine.errors import WeightsError
from retrieval.engine.networks.conversion import convert
from retrieval.engine.networks.downloads import Progress, download
from retrieval.engine.networks.weights import WeightSpec, load_arrays


class ProvisionOutcome(StrEnum):
    """How converted weights were obtained."""

    PRESENT = "present"
    FOUND = "found"
    DOWNLOADED = "downloaded"


@dataclass(frozen=True, slots=True)
class Provision:
    """How weights were obtained; the converted file if they were present, else the published."""

    provenance: ProvisionOutcome
    path: Path


def provide(
    spec: WeightSpec,
    *,
    search_path: Sequence[Path],
    directory: Path,
    force: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> Provision:
    """Ensure that the models directory holds a network's converted weights.

    Valid ones are kept. Others are replaced by a conversion of the published file: the first one in
    the search path, or a downloaded one. Other processes that call this for the same directory
    wait.

    Parameters
    ----------
    spec : WeightSpec
        The network.
    search_path : sequence of Path
        Folders that may hold the published file.
    directory : Path
        The models directory; downloads are kept there too.
    force : bool
        Convert again even if the converted weights are valid.
    progress : callable
        Called for each chunk of a download.

    Raises
    ------
    WeightsError
        As `download` and `convert`. A found file of another content is not skipped, since
        somebody put it there on purpose.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _locked(directory):
        converted = directory / spec.converted_name
        is_usable = _is_usable(spec, directory)
        if is_usable and not force:
            return Provision(ProvisionOutcome.PRESENT, converted)
        if not is_usable:
            converted.unlink(missing_ok=True)  # or `auto` would choose an altered network
        places = [folder / spec.source_name for folder in search_path]
        source = next((place for place in places if place.is_file()), None)
        provenance = ProvisionOutcome.FOUND
        if source is None:
            source = directory / spec.source_name
            download(spec.origin, source, spec.source_sha256, progress=progress)
            provenance = ProvisionOutcome.DOWNLOADED
        for left_over in directory.glob(f".{spec.converted_name}.*"):
            left_over.unlink()  # of a killed conversion
        convert(spec, source, directory)
        return Provision(provenance, source)


def _is_usable(spec: WeightSpec, directory: Path) -> bool:
    try:
        load_arrays(spec, directory)
    except WeightsError as error:
        if error.code in {"weights_missing", "weights_altered"}:
            return False
        raise  # another conversion would not help
    return True


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Lock a folder against other processes."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
