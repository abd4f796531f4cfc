"""The report of `match`: a table for a terminal, a JSON object for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from retrieval.catalogue.licences import LICENCES, credit_line
from retrieval.engine.matching.matcher import Matcher
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.labels import ClassLabel
from retrieval.engine.vocabulary.sounds import short_name
from retrieval.services.matching import FoundClip, SearchResult
from retrieval.services.runs import model_versions

_CLASSES_SHOWN = 5
_REASONS_SHOWN = 3
_BAR_CELLS = 16


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """The result for one photo."""

    photo: str
    result: SearchResult

    @property
    def matcher(self) -> Matcher:
        """The matcher that was used."""
        return self.result.matcher

    @property
    def sounds(self) -> HeardSpace | None:
        """The matcher's space `heard`, or None."""
        return next((one for one in self.matcher.spaces if isinstance(one, HeardSpace)), None)


def as_json(report: PhotoReport) -> dict[str, Any]:
    """Return the report as plain data.

    ``classes`` are the most probable image classes; ``would_hear`` the most probable sounds, if
    the matcher compares sounds.
    """
    return {
        "photo": report.photo,
        "classes": [
            {"wnid": label.key, "label": label.name, "p": p}
            for label, p in _largest(report, report.matcher.spaces[0])
        ],
        "would_hear": [
            {"key": label.key, "sound": short_name(label), "p": p}
            for label, p in (_largest(report, report.sounds) if report.sounds else ())
        ],
        "matches": [_match_as_json(found) for found in report.result.found],
        "models": model_versions(report.matcher),
        "matcher": {
            "name": report.matcher.name,
            "version": report.matcher.version,
            "bank": report.matcher.bank.version,
        },
        "snapshot": report.result.snapshot,
        "library_size": report.result.library_size,
    }


def _match_as_json(found: FoundClip) -> dict[str, Any]:
    clip = found.clip
    explanation = found.explanations[0]
    return {
        "rank": found.rank,
        "clip": clip.path,
        "title": clip.title,
        "divergence_nats": found.judgement.divergences_nats[explanation.space],
        "space": explanation.space,
        "score": found.score,
        "strength": found.judgement.strength.value,
        "explained": found.judgement.explained,
        "standard": found.judgement.standard,
        "sounds": {sound["name"]: sound["score"] for sound in clip.sounds},
        "flags": clip.flags,
        "takes": len(found.takes),
        "license": clip.license,
        "credit": credit_line(
            title=clip.title,
            author=clip.author,
            license_code=clip.license,
            source_url=clip.source_url,
        ),
        "why": {
            "nats_better_than_average": explanation.total_nats,
            "classes": [
                {
                    "key": term.label.key,
                    "label": term.label.name,
                    "p": term.scene_share,
                    "q": term.clip_share,
                    "nats": term.advantage_nats,
                }
                for term in explanation.terms
            ],
            "rest_nats": explanation.rest_nats,
        },
    }


def as_table(report: PhotoReport) -> str:
    """Return the report as a table that fits the terminal."""
    console = Console()
    with console.capture() as capture:
        console.print(
            Group(
                Text(f"\n{report.photo}", style="bold"),
                _classes(report),
                *_sounds(report),
                _matches(report),
                Text(_provenance(report), style="dim"),
            )
        )
    return capture.get()


def _classes(report: PhotoReport) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for label, p in _largest(report, report.matcher.spaces[0]):
        table.add_row("  ", label.name, _bar(p), f"{p:6.1%}")
    return table


def _sounds(report: PhotoReport) -> Iterator[Text]:
    if report.sounds:
        sounds = _largest(report, report.sounds)
        shares = ", ".join(f"{short_name(label)} {p:.0%}" for label, p in sounds)
        yield Text(f"    expected sounds: {shares}", style="dim")


def _largest(report: PhotoReport, space: ClassSpace) -> list[tuple[ClassLabel, float]]:
    return [
        (space.vocabulary[index], p)
        for index, p in report.result.scene[space.name].largest(_CLASSES_SHOWN)
    ]


def _matches(report: PhotoReport) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_column(min_width=_BAR_CELLS)
    table.add_column(justify="right", no_wrap=True)
    found = report.result.found
    most = max(place.explanations[0].total_nats for place in found)
    for place in found:
        explanation = place.explanations[0]
        share = explanation.total_nats / most if most > 0 else 0.0
        divergence = place.judgement.divergences_nats[explanation.space]
        table.add_row(
            f"{place.rank}.",
            Text(place.clip.title, style="bold"),
            _bar(max(0.0, share)),
            f"{place.judgement.strength.value}, {divergence:.3f} nats",
        )
        table.add_row("", _details(place), "", "")
    return table


def _details(place: FoundClip) -> Text:
    """Return credit, licence and reasons of a recording in full."""
    clip, explanation = place.clip, place.explanations[0]
    credit = " · ".join(
        part
        for part in (
            clip.author or "author unknown", LICENCES[clip.license].name, clip.source_url,
        )
        if part
    )  # fmt: skip
    reasons = ", ".join(
        f"{short_name(term.label)} {term.advantage_nats:+.2f}"
        for term in explanation.terms[:_REASONS_SHOWN]
    )
    sounds = ", ".join(f"{sound['name']} {sound['score']:.1f}" for sound in clip.sounds[:5])
    takes = f" · {len(place.takes)} more takes of the same recording" if place.takes else ""
    heard = f"heard in it: {sounds or 'nothing with certainty'}{takes}"
    return Text(
        f"{credit}\n{heard}\n{explanation.total_nats:+.2f} nats against the average recording: "
        f"{reasons}",
        style="dim",
    )


def _provenance(report: PhotoReport) -> str:
    result, matcher = report.result, report.matcher
    models = ", ".join(f"{space.image_model} x {space.audio_model}" for space in matcher.spaces)
    milliseconds = result.search_seconds * 1000
    return (
        f"matcher {matcher.name} v{matcher.version}, {models}, library snapshot "
        f"{result.snapshot} ({result.library_size} clips), searched in {milliseconds:.1f} ms"
    )


def _bar(share: float) -> Text:
    eighths = round(share * _BAR_CELLS * 8)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return Text("█" * (eighths // 8) + partial, style="cyan")
