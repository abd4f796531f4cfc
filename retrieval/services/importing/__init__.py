"""Import of recordings in four stages: candidates, decoding, profiling, storing."""

from retrieval.services.importing.importer import ClipImporter
from retrieval.services.importing.outcomes import ImportReport

__all__ = ["ClipImporter", "ImportReport"]
