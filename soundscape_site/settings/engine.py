"""Models, matching, decoding and the life of photos."""

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

# The folder of the front page's sample photos.
SOUNDSCAPE_SAMPLE_PHOTOS = env.path("SOUNDSCAPE_SAMPLE_PHOTOS", SHARED_DIR / "photos")

# Days after which photos without an account are deleted; 0 keeps them.
SOUNDSCAPE_SCENE_RETENTION_DAYS = env.integer("SOUNDSCAPE_SCENE_RETENTION_DAYS", 30)
