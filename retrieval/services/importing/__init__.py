"""Import of recordings in three stages: candidates, decoding, storing."""

from retrieval.services.importing.importer import ClipImporter
from retrieval.services.importing.outcomes import ImportReport

__all__ = ["ClipImporter", "ImportReport"]
