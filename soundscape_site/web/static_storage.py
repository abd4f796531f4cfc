"""Static files under names that change with their content."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc] # untyped library
    """WhiteNoise's storage; imports inside our modules get hashed names too."""

    support_js_module_import_aggregation = True
