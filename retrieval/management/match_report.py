"""The report of `match`: a table for a terminal, a JSON object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retrieval.catalogue.licences import LICENCES, credit_line
from retrieval.engine.spaces.space import ClassSpace, HeardSpace
from retrieval.engine.vocabulary.labels import ClassLabel
from retrieval.engine.vocabulary.sounds import short_name
from retrieval.services.matching import FoundClip, SearchResult
from retrieval.services.runs import model_versions

_CLASSES_SHOWN = 5
_REASONS_SHOWN = 3
_BAR_CELLS = 16


def as_json(photo: str, result: SearchResult) -> dict[str, Any]:
    """Return the report as plain data.

    ``classes`` are the most probable image classes; ``would_hear`` the most probable sounds, if
    the matcher compares sounds.
    """
    matcher = result.matcher
    return {
        "photo": photo,
        "classes": [
            {"wnid": label.key, "label": label.name, "p": p} for label, p in _classes(result)
        ],
        "would_hear": [
            {"key": label.key, "sound": short_name(label), "p": p} for label, p in _sounds(result)
        ],
        "matches": [_match_as_json(found) for found in result.found],
        "models": model_versions(matcher=matcher),
        "matcher": {
            "name": matcher.name,
            "version": matcher.version,
            "bank": matcher.bank.version,
        },
        "snapshot": result.snapshot,
        "filter": result.clip_filter.as_json(),
        "library_size": result.library_size,
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
        "strength": found.strength and found.strength.value,
        "fit": found.fit,
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


def as_table(photo: str, result: SearchResult) -> str:
    """Return the report as a table that fits the terminal."""
    parts: list[RenderableType] = [Text(f"\n{photo}", style="bold")]
    classes = Table(box=None, show_header=False, pad_edge=False)
    for label, p in _classes(result):
        classes.add_row("  ", label.name, _bar(p), f"{p:6.1%}")
    parts.append(classes)
    if sounds := _sounds(result):
        shares = ", ".join(f"{short_name(label)} {p:.0%}" for label, p in sounds)
        parts.append(Text(f"    expected sounds: {shares}", style="dim"))
    found = _matches(result.found) if result.found else Text("No recording passes the filter.")
    parts += [found, Text(_provenance(result), style="dim")]
    console = Console()
    with console.capture() as capture:
        console.print(Group(*parts))
    return capture.get()


def _classes(result: SearchResult) -> list[tuple[ClassLabel, float]]:
    return _largest(result, result.matcher.spaces[0])


def _sounds(result: SearchResult) -> list[tuple[ClassLabel, float]]:
    """Return the most probable sounds; none if the matcher does not compare sounds."""
    spaces = (space for space in result.matcher.spaces if isinstance(space, HeardSpace))
    return [sound for space in spaces for sound in _largest(result, space)]


def _largest(result: SearchResult, space: ClassSpace) -> list[tuple[ClassLabel, float]]:
    return [
        (space.vocabulary[index], p)
        for index, p in result.scene[space.name].largest(_CLASSES_SHOWN)
    ]


def _matches(found: Sequence[FoundClip]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1))
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    table.add_column(min_width=_BAR_CELLS)
    table.add_column(justify="right", no_wrap=True)
    most = max(place.explanations[0].total_nats for place in found)
    for place in found:
        explanation = place.explanations[0]
        share = max(0.0, explanation.total_nats / most) if most > 0 else 0.0
        divergence = place.judgement.divergences_nats[explanation.space]
        table.add_row(
            f"{place.rank}.",
            Text(place.clip.title, style="bold"),
            _bar(share),
            f"{place.strength.value}, {divergence:.3f} nats"
            if place.strength
            else f"{divergence:.3f} nats",
        )
        table.add_row("", _details(place), "", "")
    return table


def _details(place: FoundClip) -> Text:
    """Return credit, licence and reasons of a recording in full."""
    clip, explanation = place.clip, place.explanations[0]
    parts = (clip.author or "author unknown", str(LICENCES[clip.license].name), clip.source_url)
    credit = " · ".join(filter(None, parts))
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


def _provenance(result: SearchResult) -> str:
    matcher = result.matcher
    models = ", ".join(f"{space.image_model} x {space.audio_model}" for space in matcher.spaces)
    return (
        f"matcher {matcher.name} v{matcher.version}, {models}, library snapshot "
        f"{result.snapshot} ({result.library_size} clips), searched in "
        f"{result.search_seconds * 1000:.1f} ms"
    )


def _bar(share: float) -> Text:
    eighths = round(share * _BAR_CELLS * 8)
    partial = " ▏▎▍▌▋▊▉"[eighths % 8].strip()
    return Text("█" * (eighths // 8) + partial, style="cyan")
