"""Storage of static files, named by a hash of their content."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped library
    """WhiteNoise's storage, which also hashes names in the imports of JavaScript modules."""

    support_js_module_import_aggregation = True
