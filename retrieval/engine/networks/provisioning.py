"""Bringing a model's weights to where the classifiers read them, whatever is missing."""

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
from retrieval.engine.networks.weights import WeightSpec, find_source, load_arrays


class ProvisionOutcome(StrEnum):
    """How the converted weights came to be there."""

    PRESENT = "present"
    FOUND = "found"
    DOWNLOADED = "downloaded"


@dataclass(frozen=True, slots=True)
class Provision:
    """What was done for one model.

    Attributes
    ----------
    provenance : ProvisionOutcome
        ``PRESENT``: nothing was to be done.
    path : Path
        The published file that was converted; if nothing was, the converted
        file.
    """

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
    """See to it that the models directory holds one model's converted weights.

    They are left alone if they are right, else made from the published file:
    the first in the search path, or a downloaded one. A second process that
    asks for the same waits and then finds everything done.

    Parameters
    ----------
    spec : WeightSpec
        Which model.
    search_path : sequence of Path
        Folders that may hold the published file.
    directory : Path
        The models directory; downloads are kept there too.
    force : bool
        Convert again even if the converted weights are right.
    progress : callable
        Told of each piece of a download.

    Raises
    ------
    WeightsError
        As `find_source`, `download` and `convert`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with _alone_in(directory):
        converted = directory / spec.converted_name
        is_usable = _is_usable(spec, directory)
        if is_usable and not force:
            return Provision(ProvisionOutcome.PRESENT, converted)
        if not is_usable:
            converted.unlink(missing_ok=True)  # or `auto` would choose an altered network
        source = find_source(spec, search_path)
        provenance = ProvisionOutcome.FOUND
        if source is None:
            source = directory / spec.source_name
            download(spec.origin, source, spec.source_sha256, progress=progress)
            provenance = ProvisionOutcome.DOWNLOADED
        for left_over in directory.glob(f".{spec.converted_name}.*"):
            left_over.unlink()  # of a conversion that was killed
        convert(spec, source, directory)
        return Provision(provenance, source)


def _is_usable(spec: WeightSpec, directory: Path) -> bool:
    try:
        load_arrays(spec, directory)
    except WeightsError as error:
        if error.code in {"weights_missing", "weights_altered"}:
            return False
        raise  # converting again would not help
    return True


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Keep other processes out of a folder until done; a killed process lets go of it too."""
    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
