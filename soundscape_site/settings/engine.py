"""Models, matching and the limits of what may be decoded."""

from __future__ import annotations

from soundscape_site.settings import env
from soundscape_site.settings.paths import SHARED_DIR, VAR_DIR

# Converted weights live here; sources are looked for along the search path, then downloaded.
SOUNDSCAPE_MODELS_DIRECTORY = VAR_DIR / "models"
SOUNDSCAPE_MODEL_SEARCH_PATH = (
    *([env.path("SOUNDSCAPE_MODEL_DIR", VAR_DIR)] if env.text("SOUNDSCAPE_MODEL_DIR", "") else []),
    SOUNDSCAPE_MODELS_DIRECTORY,
    SHARED_DIR / "models",
)

SOUNDSCAPE_INDEX_DIRECTORY = VAR_DIR / "index"
SOUNDSCAPE_SCRATCH_DIRECTORY = VAR_DIR / "scratch"

# The first library: the shared one where it lies beside the checkout, else one we synthesise.
SOUNDSCAPE_SHARED_LIBRARY = SHARED_DIR / "library" / "library.csv"
SOUNDSCAPE_STARTER_LIBRARY = VAR_DIR / "starter-library"

# `auto`: MobileNet if its weights are present, else EfficientNet-Lite0.
SOUNDSCAPE_IMAGE_MODEL = env.choice(
    "SOUNDSCAPE_IMAGE_MODEL", ("auto", "mobilenet", "efficientnet-lite0")
)
SOUNDSCAPE_MATCHER = env.text("SOUNDSCAPE_MATCHER", "fused")
SOUNDSCAPE_DECODING_PROCESSES = env.integer("SOUNDSCAPE_DECODING_PROCESSES", 2, minimum=1)
SOUNDSCAPE_WEB_DECODING_PROCESSES = env.integer("SOUNDSCAPE_WEB_DECODING_PROCESSES", 2, minimum=1)
SOUNDSCAPE_IMPORT_BATCH_WINDOWS = env.integer("SOUNDSCAPE_IMPORT_BATCH_WINDOWS", 16, minimum=1)
SOUNDSCAPE_QUEUE_LIMIT = env.integer("SOUNDSCAPE_QUEUE_LIMIT", 500, minimum=1)

# What a visitor may upload, and the folder of photos to step into.
SOUNDSCAPE_MAX_PHOTO_BYTES = env.integer("SOUNDSCAPE_MAX_PHOTO_BYTES", 20_000_000, minimum=1)
SOUNDSCAPE_MAX_PHOTO_PIXELS = env.integer("SOUNDSCAPE_MAX_PHOTO_PIXELS", 50_000_000, minimum=1)
# Django keeps an upload in memory up to here: the photo and the rest of its form.
FILE_UPLOAD_MAX_MEMORY_SIZE = SOUNDSCAPE_MAX_PHOTO_BYTES + 1_000_000
SOUNDSCAPE_SAMPLE_PHOTOS = env.path("SOUNDSCAPE_SAMPLE_PHOTOS", SHARED_DIR / "photos")

# Photos that nobody signed in for are deleted after so many days; 0 keeps them for ever.
SOUNDSCAPE_SCENE_RETENTION_DAYS = env.integer("SOUNDSCAPE_SCENE_RETENTION_DAYS", 30)
