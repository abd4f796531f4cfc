"""Profiles for tests of matchers, and the formulae of their docstrings, computed independently."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from retrieval.engine.matching.recipes import MATCHERS, matcher_named
from retrieval.engine.matching.sound_matcher import PEOPLE, PEOPLE_SHARE
from retrieval.engine.spaces.distributions import Distribution
from retrieval.engine.vocabulary.heard_there import Origin
from retrieval.engine.vocabulary.sounds import SPEECH, TOO_GENERAL
from retrieval.tests.factories import DUMMY, DUMMY_HEARD, dummy_sound_matcher


def some_matcher(kind):
    """Return a matcher by its name, or a small one with the named weights of things."""
    if kind in MATCHERS:
        return matcher_named(kind)
    always, mute = {"always": (0.7, 0.0), "mute": (0.0, 0.4), "both": (0.2, 0.5)}[kind]
    return dummy_sound_matcher(
        things_always=always, things_when_mute=mute, speech_penalty=2.5, oddness_penalty=0.7
    )


def seen(*things, share=1.0):
    """Return one view of DUMMY's classes: `share` on the first thing, the rest on the last."""
    view = np.zeros(len(DUMMY))
    view[things[0]] = share
    view[things[-1]] += 1 - share
    return view[np.newaxis]


def random_scene(rng, matcher):
    things = matcher.spaces[0]
    return matcher.scene(rng.dirichlet(np.full(len(things), 0.2), size=3))


def random_clip(rng, matcher):
    clip = {}
    for space in matcher.spaces:
        answers = rng.dirichlet(np.full(len(space), 0.2), size=2)
        clip[space.name] = space.clip_profile(answers)
    return clip


def sounding(**scores):
    """Return the profile of a recording from scores by name, without smoothing."""
    values = np.full(len(DUMMY_HEARD), 1e-6)
    for name, score in scores.items():
        values[DUMMY_HEARD.vocabulary.by_name(name).index] = score
    return Distribution(values / values.sum())


def score(matcher, scene, clip):
    return float(matcher.row(clip).astype(np.float64) @ matcher.query(scene))


def random_recording(rng, matcher):
    """Return profiles, and the mean scores behind the profile among sounds."""
    things, sounds = matcher.spaces
    scores = rng.beta(0.3, 2.0, size=(2, len(sounds)))
    scores *= rng.random(len(sounds)) < 5 / len(sounds)  # about five sounds
    scores[:, rng.integers(len(sounds))] = 0  # `HeardSpace.scores` needs one score of 0
    clip = {
        things.name: things.clip_profile(rng.dirichlet(np.full(len(things), 0.2))),
        sounds.name: sounds.clip_profile(scores),
    }
    return clip, scores.mean(axis=0)


def expected_anywhere(table):
    """Return the share of each sound by name, as a mean over sceneries of means over classes."""
    by_scenery = defaultdict(list)
    for entry in table.entries:
        if entry.sounds:
            by_scenery[entry.scenery].append(entry)
    anywhere = dict.fromkeys((label.name for label in table.heard), 0.0)
    for entries in by_scenery.values():
        for entry in entries:
            for each in entry.sounds:
                anywhere[each.label.name] += each.weight / len(entries) / len(by_scenery)
    return anywhere


def expected_oddness(table, scores):
    """Return the oddness of scores: rarity relative to the most common sound, at most 15."""
    anywhere = {name: share + 0.001 for name, share in expected_anywhere(table).items()}
    most_common = max(anywhere.values())
    odd = sum(
        score * np.log(most_common / share)
        for score, (name, share) in zip(scores, anywhere.items(), strict=True)
        if name not in TOO_GENERAL
    )
    return min(15.0, odd)


def expected_score(matcher, scene, clip, scores):
    """Return the score by the formula of `SoundMatcher`, from profiles and the table's entries."""
    things, sounds = matcher.spaces
    entries = sounds.table.entries
    p, t = scene[things.name].values, scene[sounds.name].values
    log_things, q = np.log(clip[things.name].values), clip[sounds.name].values
    named = [label.name for label in sounds.vocabulary]
    m = sum(share for share, entry in zip(p, entries, strict=True) if entry.sounds)
    w = matcher.things_always + matcher.things_when_mute * (1 - m)
    one_hot = [log_things[i] for i in range(len(things))]  # scores of a one-hot photo of each class
    natural = sum(
        share for share, entry in zip(p, entries, strict=True) if entry.origin == Origin.NATURAL
    )
    speech = [i for i, name in enumerate(named) if name in SPEECH]
    people = [i for i, name in enumerate(named) if name in SPEECH or name in PEOPLE]
    u = natural * max(0.0, 1 - sum(t[people]) / PEOPLE_SHARE)
    return (
        m * (t @ np.log(q))
        + w * (p @ log_things - np.mean(one_hot)) / np.std(one_hot)
        - matcher.speech_penalty * sum(q[speech]) * u
        - matcher.oddness_penalty * expected_oddness(sounds.table, scores)
    )


def expected_standard(matcher, scene, clip):
    """Return the standard score among sounds, over the photos of one audible class each."""
    sounds = matcher.spaces[1]
    log_q = np.log(clip[sounds.name].values)
    bank = [
        sounds.scene_profile(one[np.newaxis]).values @ log_q
        for one, entry in zip(np.eye(len(sounds.table.entries)), sounds.table.entries, strict=True)
        if entry.sounds
    ]
    return (scene[sounds.name].values @ log_q - np.mean(bank)) / np.std(bank)
