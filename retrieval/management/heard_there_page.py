"""The table of expected sounds as the page docs/heard-there.md."""

from __future__ import annotations

from typing import Final

from retrieval.engine.vocabulary.heard_there import HeardEntry, HeardThere, Scenery
from retrieval.engine.vocabulary.sounds import short_name

_TITLES: Final = {
    Scenery.SEA: "By the sea",
    Scenery.FRESH_WATER: "By lakes and rivers",
    Scenery.FOREST: "In the woods",
    Scenery.FIELD_AND_FARM: "Fields, farms and gardens",
    Scenery.MOUNTAIN_AND_SNOW: "Mountains and snow",
    Scenery.DESERT: "Deserts and dry plains",
    Scenery.CITY_AND_TRANSPORT: "Streets and transport",
    Scenery.INDOORS_AND_PEOPLE: "Indoors and among people",
    Scenery.ANIMALS_CLOSE_BY: "Animals close by",
    Scenery.NO_SCENE: "Objects that indicate no place",
}

_INTRODUCTION: Final = """\
# Expected sounds for each image class

The image network describes a photo by ImageNet's 1000 classes. A class often makes no sound itself:
a lighthouse is silent, but beside it one hears waves, wind and birds. This table lists, for every
class, the sounds that one expects to hear *where such a photo is taken*; the weights of a class
sum to 100 %. The matchers `heard` and `fused` compare them with the sounds detected in recordings.

- `retrieval/engine/vocabulary/heard_there.csv` holds the weights, with a reason for each sound.
- `retrieval/engine/vocabulary/scenery.csv` holds the type of place of each class, and whether the
  place is natural or human-made.
- `manage.py heard_there lakeside` prints a class with the reasons.
- A librarian can override a class in the admin (*heard overrides*). The table then has a new
  version, which every profile and match records.

How the table was written:

- Seven writers wrote one part each from general knowledge, by the same rules. They ran no model
  and saw no benchmark.
- The place counts, not only the object: a swimming costume means a beach, an umbrella means rain
  in a street. If the object itself is loud (a chain saw, a rooster, a fire engine), its own sound
  comes first.
- Similar classes (hounds, terriers) may share an entry. Every landscape, building, vehicle and
  plant has its own.
- Where the network is known to confuse classes, the entry describes the place that the photo
  really shows: a beach is often classified as a sandbar or a sarong, a market as a grocery store.
- Classes that indicate no place (a bow tie, a bagel) have no sounds. They are left out, and the
  weights of the photo's other classes are scaled up. If such classes dominate a photo, the match
  depends mainly on its objects ([matching](matching.md)).
- YAMNet's 521 AudioSet classes include neither gulls nor monkeys. Birds, squawking and howling are
  used instead.
- In a blind review of 100 random entries, another reader would have changed 8. These were
  corrected; expect a similar share of debatable entries among the rest.

`manage.py heard_there --markdown` generates this page.
"""


def as_markdown(table: HeardThere) -> str:
    """Return the page: an introduction, and one line for each class."""
    parts = [_INTRODUCTION]
    for scenery, title in _TITLES.items():
        entries = sorted(
            (entry for entry in table.entries if entry.scenery is scenery),
            key=lambda entry: (entry.label.name.lower(), entry.label.key),
        )
        parts.append(f"## {title}\n\n{len(entries)} classes.\n")
        parts.append("\n".join(f"- {one_line(entry)}" for entry in entries) + "\n")
    return "\n".join(parts)


def one_line(entry: HeardEntry) -> str:
    """Return a class with its sounds: beacon: waves 36 %, ocean 24 %."""
    if not entry.sounds:
        return f"**{entry.label.name}**: no sounds ({entry.remark})"
    sounds = ", ".join(
        f"{short_name(sound.label)} {sound.weight * 100:.0f} %" for sound in entry.sounds
    )
    return f"**{entry.label.name}**: {sounds}"
