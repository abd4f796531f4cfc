"""A client of the API of Scenery Soundscaping; nothing but the standard library."""

from soundscape_client.client import Client
from soundscape_client.errors import SoundscapeError
from soundscape_client.folders import Outcome, write_csv
from soundscape_client.records import Clip, Match, Scene

__all__ = ["Client", "Clip", "Match", "Outcome", "Scene", "SoundscapeError", "write_csv"]
