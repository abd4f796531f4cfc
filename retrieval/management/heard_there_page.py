"""The table of what one hears, written for reading."""

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
    Scenery.NO_SCENE: "Things without a scene",
}

_INTRODUCTION: Final = """\
# What one hears there

MobileNet names what a photo shows in ImageNet's 1000 classes. Sounds are not things: a lighthouse
is silent, but at its foot one hears waves, wind and birds. This table says for every class what
one would hear *standing where such a photo is taken*;
`retrieval/engine/vocabulary/heard_there.csv` holds it, with the reason for every sound, and
`scenery.csv` beside it where each class is seen and whether that is natural or human-made.

How it was written:

- From knowledge of the world, class by class, in seven parts by seven writers from one set of
  rules. No model was run and no benchmark was seen.
- The scene counts, not only the thing: a swimming costume is a beach, an umbrella is rain in a
  street. What is loud itself comes first: a chain saw, a rooster, a fire engine.
- Families may share an entry (hounds, terriers); whatever shows a scenery, a building, a vehicle
  or a plant has one of its own.
- The network stumbles: a beach comes out as a sandbar or a sarong, a market as a grocery store.
  Such classes are written for the places behind them.
- A class that says nothing about the place (a bow tie, a bagel) is marked so. It counts for
  nothing, and what is left of the photo is scaled up; a photo in which such classes prevail leans
  on its things instead ([matching](matching.md)).
- AudioSet's 521 classes in YAMNet know no gulls and no monkeys: birds, squawking and howling
  stand in.
- A fresh reader judged 100 rows drawn at random, blind, and would have changed 8. Those were
  mended; about as many of the others can be expected to be debatable.

The weights of a class sum to 1. A librarian can override a class in the admin (*heard
overrides*); the table's version, and with it every stored profile and match, then names the new
content. `manage.py heard_there lakeside` shows a class with its reasons.

This page is made by `manage.py heard_there --markdown`.
"""


def as_markdown(table: HeardThere) -> str:
    """Return the page: what the table is, and every entry in a line."""
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
    """Return an entry as people read it: beacon: waves 36 %, ocean 24 %."""
    if not entry.sounds:
        return f"**{entry.label.name}**: nothing ({entry.remark})"
    sounds = ", ".join(
        f"{short_name(sound.label)} {sound.weight * 100:.0f} %" for sound in entry.sounds
    )
    return f"**{entry.label.name}**: {sounds}"
