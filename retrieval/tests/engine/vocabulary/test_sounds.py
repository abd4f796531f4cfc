from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.vocabulary.labels import ClassLabel, load_vocabulary
from retrieval.engine.vocabulary.sounds import (
    _FLAGGED_BY,
    _SHORT_NAMES,
    AUDIBLE_SCORE,
    MAX_SOUNDS,
    TOO_GENERAL,
    Description,
    Flag,
    describe,
    short_name,
)
from retrieval.tests.factories import SOUNDS

AUDIOSET = load_vocabulary("audioset")


def windows(*rows):
    """Return scores given by name, one dict per window."""
    scores = np.zeros((len(rows), len(AUDIOSET)), dtype=np.float32)
    for row, by_name in zip(scores, rows, strict=True):
        for name, score in by_name.items():
            row[AUDIOSET.by_name(name).index] = score
    return scores


def named(*rows):
    return [sound.name for sound in describe(windows(*rows), AUDIOSET).sounds]


def test_sounds_are_listed_by_falling_score():
    description = describe(windows({"Wind": 0.4, "Waves, surf": 0.9, "Thunder": 0.2}), AUDIOSET)
    assert [sound.label.name for sound in description.sounds] == ["Waves, surf", "Wind", "Thunder"]
    assert [sound.score for sound in description.sounds] == pytest.approx([0.9, 0.4, 0.2])


def test_scores_are_the_mean_over_the_windows():
    description = describe(windows({"Wind": 0.8}, {"Wind": 0.2, "Rain": 0.4}, {}, {}), AUDIOSET)
    # rain: 0.4 in one window of four is 0.1, below the threshold
    assert [sound.name for sound in description.sounds] == ["wind"]
    assert description.sounds[0].score == pytest.approx(0.25)


@pytest.mark.parametrize(("score", "heard"), [(0.14, []), (0.16, ["wind"])])
def test_sounds_below_the_threshold_are_not_listed(score, heard):
    assert 0.14 < AUDIBLE_SCORE < 0.16
    assert named({"Wind": score}) == heard


def test_equal_scores_are_listed_in_the_vocabularys_order():
    names = ["Rain", "Wind", "Thunder"]
    in_order = sorted(names, key=lambda name: AUDIOSET.by_name(name).index)
    assert named(dict.fromkeys(names, 0.5)) == [name.lower() for name in in_order]


def test_the_number_of_listed_sounds_is_limited():
    names = [
        "Wind", "Rain", "Thunder", "Dog", "Cat", "Train", "Helicopter", "Fire", "Car", "Truck",
    ]  # fmt: skip
    scores = {name: 0.9 - i / 20 for i, name in enumerate(names)}
    found = describe(windows(scores), AUDIOSET).sounds
    assert MAX_SOUNDS == 8
    expected = names[:8]
    assert [sound.label.name for sound in found] == expected


@pytest.mark.parametrize(
    "name",
    [
        "Animal", "Bird", "Music", "Silence", "Noise", "Field recording", "White noise",
        "Outside, rural or natural", "Inside, small room", "Echo",
    ],
)  # fmt: skip
def test_general_labels_are_not_listed(name):
    assert named({name: 0.9, "Wind": 0.3}) == ["wind"]


def test_general_labels_do_not_count_towards_the_limit():
    general = ["Animal", "Bird", "Noise", "Echo", "Liquid", "Music", "Silence", "Static"]
    assert named({**dict.fromkeys(general, 0.9), "Wind": 0.2}) == ["wind"]


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("Speech", Flag.SPEECH),
        ("Child speech, kid speaking", Flag.SPEECH),
        ("Conversation", Flag.SPEECH),
        ("Narration, monologue", Flag.SPEECH),
        ("Music", Flag.MUSIC),
        ("Musical instrument", Flag.MUSIC),
        ("Singing", Flag.MUSIC),
        ("Noise", Flag.NOISE),
        ("White noise", Flag.NOISE),
        ("Pink noise", Flag.NOISE),
        ("Static", Flag.NOISE),
        ("Hum", Flag.NOISE),
        ("Mains hum", Flag.NOISE),
        ("Silence", Flag.SILENCE),
    ],
)
def test_labels_from_a_score_of_one_half_on_are_flagged(name, flag):
    assert describe(windows({name: 0.5}), AUDIOSET).flags == (flag,)
    assert describe(windows({name: 0.49}), AUDIOSET).flags == ()


def test_ambient_sounds_raise_no_flag():
    place = windows({"Wind": 1.0, "Waves, surf": 1.0, "Bird": 1.0, "Crowd": 1.0, "Traffic noise, "
                     "roadway noise": 1.0})  # fmt: skip
    assert describe(place, AUDIOSET).flags == ()


def test_flags_have_a_fixed_order():
    all_four = windows({"Silence": 0.9, "Hum": 0.8, "Singing": 0.7, "Conversation": 0.6})
    assert describe(all_four, AUDIOSET).flags == (Flag.SPEECH, Flag.MUSIC, Flag.NOISE, Flag.SILENCE)


@pytest.mark.parametrize("noise", ["Noise", "White noise", "Pink noise", "Static", "Hum"])
@pytest.mark.parametrize(
    ("rain", "flags"),
    [(0.81, ()), (0.8, (Flag.NOISE,)), (0.79, (Flag.NOISE,)), (0.0, (Flag.NOISE,))],
)
def test_noise_with_a_known_cause_is_not_flagged(noise, rain, flags):
    assert describe(windows({noise: 0.8, "Rain": rain}), AUDIOSET).flags == flags


def test_a_general_label_is_not_a_cause_of_noise():
    general = windows({"Noise": 0.6, "Outside, rural or natural": 0.9, "Environmental noise": 0.9})
    assert describe(general, AUDIOSET).flags == (Flag.NOISE,)


def test_the_cause_of_noise_is_decided_by_mean_scores():
    """Rain has the larger score in one window, noise in the mean."""
    assert describe(windows({"Noise": 0.6, "Rain": 0.9}, {"Noise": 0.6}), AUDIOSET).flags == (
        Flag.NOISE,
    )


@pytest.mark.parametrize(
    ("name", "flag"),
    [("Speech", Flag.SPEECH), ("Music", Flag.MUSIC), ("Silence", Flag.SILENCE)],
)
def test_the_other_flags_are_set_beside_any_sound(name, flag):
    assert describe(windows({name: 0.6, "Rain": 0.9}), AUDIOSET).flags == (flag,)


def test_occasional_speech_is_not_flagged():
    assert describe(windows({"Speech": 0.9}, {}, {}), AUDIOSET).flags == ()


def test_zero_scores_give_an_empty_description():
    assert describe(np.zeros((2, len(AUDIOSET))), AUDIOSET) == Description((), ())


@pytest.mark.parametrize("names", [TOO_GENERAL, *_FLAGGED_BY.values(), frozenset(_SHORT_NAMES)])
def test_every_name_is_in_audioset(names):
    """A misspelt name would never match."""
    assert len(AUDIOSET.positions(names)) == len(names)


def test_a_vocabulary_that_lacks_flagged_labels_is_accepted():
    """It has no music and no silence."""
    description = describe(np.array([[0.9, 0.2, 0.6, 0.9, 0.1]]), SOUNDS)
    assert [sound.name for sound in description.sounds] == ["waves", "speech", "wind"]
    assert description.flags == (Flag.SPEECH,)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Waves, surf", "waves"),
        ("Wind", "wind"),
        ("Boat, Water vehicle", "boats"),
        ("Whimper (dog)", "whimper"),
        ("Bee, wasp, etc.", "bees"),
        ("Bird vocalization, bird call, bird song", "birdsong"),
        ("Livestock, farm animals, working animals", "farm animals"),
        ("Motor vehicle (road)", "traffic"),
        ("Fixed-wing aircraft, airplane", "aeroplanes"),
        ("Clip-clop", "hooves"),
        ("Moo", "mooing"),
    ],
)
def test_short_names_are_common_names(name, short):
    assert short_name(AUDIOSET.by_name(name)) == short


def test_every_sound_has_a_short_name():
    names = [short_name(label) for label in AUDIOSET]
    assert all(name == name.strip() and name for name in names)
    assert not any("," in name or "(" in name for name in names)


def test_a_name_of_one_word_is_put_in_lower_case():
    assert short_name(ClassLabel(0, "x", "Hiss")) == "hiss"
