"""Models, matching, decoding and the life of photos."""

from __future__ import annotations

import os
from typing import Final

from soundscape_site.settings import env
from soundscape_site.settings.paths import SHARED_DIR, VAR_DIR

MATCHERS: Final = ("fused", "heard", "paper")
RANKERS: Final = ("index", "pgvector", "pgvector-hnsw", "milvus")
MILVUS_INDEXES: Final = ("FLAT", "HNSW", "IVF_SQ8")

# Converted weights live here; sources are looked for along the search path, then downloaded.
SOUNDSCAPE_MODELS_DIRECTORY = VAR_DIR / "models"
SOUNDSCAPE_MODEL_SEARCH_PATH = (
    *([env.path("SOUNDSCAPE_MODEL_DIR", VAR_DIR)] if env.text("SOUNDSCAPE_MODEL_DIR", "") else []),
    SOUNDSCAPE_MODELS_DIRECTORY,
    SHARED_DIR / "models",
)

SOUNDSCAPE_INDEX_DIRECTORY = VAR_DIR / "index"

# Numba would keep compiled code beside its source, where a container may not write.
os.environ.setdefault("NUMBA_CACHE_DIR", str(SOUNDSCAPE_INDEX_DIRECTORY / "compiled"))
SOUNDSCAPE_SCRATCH_DIRECTORY = VAR_DIR / "scratch"

# The first library: the shared one where it lies beside the checkout, else one we synthesise.
SOUNDSCAPE_SHARED_LIBRARY = SHARED_DIR / "library" / "library.csv"
SOUNDSCAPE_SHARED_AMBIENCES = SHARED_DIR / "library" / "ambience.csv"
SOUNDSCAPE_STARTER_LIBRARY = VAR_DIR / "starter-library"

# `auto`: MobileNet if its weights are present, else EfficientNet-Lite0.
SOUNDSCAPE_IMAGE_MODEL = env.choice(
    "SOUNDSCAPE_IMAGE_MODEL", ("auto", "mobilenet", "efficientnet-lite0")
)
# `auto`: the one that made the library's first profile; for an empty library the one for CPUs.
SOUNDSCAPE_SOUND_MODEL = env.choice("SOUNDSCAPE_SOUND_MODEL", ("auto", "yamnet", "yamnet-int8"))
SOUNDSCAPE_MATCHER = env.choice("SOUNDSCAPE_MATCHER", MATCHERS)

# What ranks the library: index files, PostgreSQL, or Milvus. `pgvector-hnsw` and Milvus's indexes
# other than FLAT are approximate: they may miss a recording.
SOUNDSCAPE_RANKER = env.choice("SOUNDSCAPE_RANKER", RANKERS)
SOUNDSCAPE_MILVUS_URI = env.milvus_uri(
    "SOUNDSCAPE_MILVUS_URI", required=SOUNDSCAPE_RANKER == "milvus"
)
SOUNDSCAPE_MILVUS_TOKEN = env.text("SOUNDSCAPE_MILVUS_TOKEN", "")
SOUNDSCAPE_MILVUS_INDEX = env.choice("SOUNDSCAPE_MILVUS_INDEX", MILVUS_INDEXES)
SOUNDSCAPE_DECODING_PROCESSES = env.integer("SOUNDSCAPE_DECODING_PROCESSES", 2, minimum=1)
SOUNDSCAPE_WEB_DECODING_PROCESSES = env.integer("SOUNDSCAPE_WEB_DECODING_PROCESSES", 2, minimum=1)
SOUNDSCAPE_IMPORT_BATCH_WINDOWS = env.integer("SOUNDSCAPE_IMPORT_BATCH_WINDOWS", 16, minimum=1)
SOUNDSCAPE_QUEUE_LIMIT = env.integer("SOUNDSCAPE_QUEUE_LIMIT", 500, minimum=1)

# The folder of the front page's sample photos.
SOUNDSCAPE_SAMPLE_PHOTOS = env.path("SOUNDSCAPE_SAMPLE_PHOTOS", SHARED_DIR / "photos")

# Days after which photos without an account are deleted; 0 keeps them.
SOUNDSCAPE_SCENE_RETENTION_DAYS = env.integer("SOUNDSCAPE_SCENE_RETENTION_DAYS", 30)
