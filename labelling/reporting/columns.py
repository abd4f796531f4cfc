"""The columns of exported tables, with what they mean: the data dictionary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["int", "float", "text", "time", "ints", "floats", "texts"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    name, kind : str
        A plural kind is a list: in CSV its values are joined by semicolons.
    meaning, unit, values : str
        For the reader; `unit` and `values` are empty where there is nothing to say.
    """

    name: str
    kind: Kind
    meaning: str
    unit: str = ""
    values: str = ""


_GRADES: Final = "good, decent, bad"
_INTERVAL: Final = "bound of its 95 % interval, if there is one"

_OF_A_PAIR: Final = (
    Column("pair", "int", "the pair: its place in the random order of the draw", values="from 1"),
    Column("photo", "int", "the photo of the pair, a number within this file", values="from 0"),
    Column("clip", "int", "the recording of the pair, its number in the site's library"),
    Column("scenery", "text", "scenery group of the photo"),
    Column(
        "origin", "text", "whether the scenery of the photo is natural or human-made",
        values="natural, human-made, unknown",
    ),
    Column("collection", "text", "collection of the recording"),
    Column("stratum", "text", "stratum of the draw; empty for a simple random sample"),
    Column(
        "probability", "float", "probability that the draw takes the pair; weights are its inverse",
        values="above 0, at most 1",
    ),
    Column("matchers", "texts", "matchers that found the pair, one for each place"),
    Column("ranks", "ints", "ranks at which they found it", values="from 1"),
    Column("strengths", "texts", "strengths that they gave it", values="none, weak, fair, strong"),
    Column("explained", "floats", "share explained, of each place", values="0 to 1"),
    Column("standard", "floats", "standard score, of each place", unit="standard deviations"),
    Column("fit", "floats", "probability of being good, of each place", values="0 to 1"),
    Column("state", "text", "state of the pair", values="open, settled, disputed, skipped"),
    Column("skips", "int", "reviewers who skipped the pair"),
    Column(
        "majority", "text", "grade of more than half of the graders, once all have graded the pair",
        values=_GRADES,
    ),
    Column("adjudicated", "text", "grade by a lead reviewer, if any", values=_GRADES),
    Column(
        "verdict", "text", "grade that counts: the lead's, else what settled the pair",
        values=_GRADES,
    ),
)  # fmt: skip

PAIRS: Final = _OF_A_PAIR
"""One row a pair of the sample that may still be shown."""

GRADES: Final = (
    *_OF_A_PAIR,
    Column("grader", "text", "pseudonym of the grader, the same in all reports of the campaign"),
    Column("grade", "text", "the grade", values=_GRADES),
    Column(
        "reasons", "texts", "reasons for a decent or bad grade",
        values="voices, place, weather, time_of_day, music, recording",
    ),
    Column("listened_s", "float", "sound heard before the grade", unit="s"),
    Column("took_s", "float", "time from the sight of the photo to the grade", unit="s"),
    Column("at", "time", "when the grade was given", unit="UTC, ISO 8601"),
)  # fmt: skip
"""One row a grade in force."""

AGGREGATES: Final = (
    Column("section", "text", "part of the report"),
    Column("name", "text", "what the figure is about, such as a matcher or a scenery group"),
    Column("measure", "text", "what is measured, such as the share of good pairs"),
    Column("value", "float", "the figure; empty where nothing can be said"),
    Column("lower", "float", f"lower {_INTERVAL}"),
    Column("upper", "float", f"upper {_INTERVAL}"),
    Column("n", "int", "pairs behind it"),
    Column("effective_n", "float", "pairs that these are worth after clustering and weights"),
    Column("note", "text", "why there is no value, or what to know about it"),
)
"""One row a figure of the report."""

TABLES: Final = {"pairs": PAIRS, "grades": GRADES, "aggregates": AGGREGATES}
