from __future__ import annotations

import numpy as np
import pytest

from retrieval.engine.vocabulary.labels import ClassLabel, load_vocabulary
from retrieval.engine.vocabulary.sounds import (
    _FLAGGED_BY,
    _TOLD_AS,
    AUDIBLE_SCORE,
    MOST_SOUNDS,
    TOO_GENERAL,
    Description,
    Flag,
    describe,
    short_name,
)
from retrieval.tests.factories import SOUNDS

AUDIOSET = load_vocabulary("audioset")


def moments(*rows):
    """Scores by name, one dict a moment."""
    scores = np.zeros((len(rows), len(AUDIOSET)), dtype=np.float32)
    for row, named in zip(scores, rows, strict=True):
        for name, score in named.items():
            row[AUDIOSET.by_name(name).index] = score
    return scores


def told(*rows):
    return [sound.name for sound in describe(moments(*rows), AUDIOSET).sounds]


def test_what_is_heard_is_named_surest_first():
    description = describe(moments({"Wind": 0.4, "Waves, surf": 0.9, "Thunder": 0.2}), AUDIOSET)
    assert [sound.label.name for sound in description.sounds] == ["Waves, surf", "Wind", "Thunder"]
    assert [sound.score for sound in description.sounds] == pytest.approx([0.9, 0.4, 0.2])


def test_scores_are_the_mean_over_the_moments():
    description = describe(moments({"Wind": 0.8}, {"Wind": 0.2, "Rain": 0.4}, {}, {}), AUDIOSET)
    # rain is heard in one moment of four, and so below what is audible
    assert [sound.name for sound in description.sounds] == ["wind"]
    assert description.sounds[0].score == pytest.approx(0.25)


@pytest.mark.parametrize(("score", "heard"), [(0.14, []), (0.16, ["wind"])])
def test_what_is_hardly_heard_is_not_named(score, heard):
    assert 0.14 < AUDIBLE_SCORE < 0.16
    assert told({"Wind": score}) == heard


def test_equal_scores_stand_in_the_vocabularys_order():
    names = ["Rain", "Wind", "Thunder"]
    in_order = sorted(names, key=lambda name: AUDIOSET.by_name(name).index)
    assert told(dict.fromkeys(names, 0.5)) == [name.lower() for name in in_order]


def test_no_more_are_named_than_a_caption_holds():
    names = [
        "Wind", "Rain", "Thunder", "Dog", "Cat", "Train", "Helicopter", "Fire", "Car", "Truck",
    ]  # fmt: skip
    scores = {name: 0.9 - i / 20 for i, name in enumerate(names)}
    found = describe(moments(scores), AUDIOSET).sounds
    assert MOST_SOUNDS == 8
    expected = names[:8]
    assert [sound.label.name for sound in found] == expected


@pytest.mark.parametrize(
    "name",
    [
        "Animal", "Bird", "Music", "Silence", "Noise", "Field recording", "White noise",
        "Outside, rural or natural", "Inside, small room", "Echo",
    ],
)  # fmt: skip
def test_what_says_only_how_or_where_it_was_recorded_is_not_named(name):
    assert told({name: 0.9, "Wind": 0.3}) == ["wind"]


def test_what_is_not_named_takes_no_place_from_what_is():
    general = ["Animal", "Bird", "Noise", "Echo", "Liquid", "Music", "Silence", "Static"]
    assert told({**dict.fromkeys(general, 0.9), "Wind": 0.2}) == ["wind"]


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
def test_what_is_in_the_way_of_a_places_sound_is_flagged(name, flag):
    assert describe(moments({name: 0.5}), AUDIOSET).flags == (flag,)
    assert describe(moments({name: 0.49}), AUDIOSET).flags == ()


def test_the_sounds_of_a_place_raise_no_flag():
    place = moments({"Wind": 1.0, "Waves, surf": 1.0, "Bird": 1.0, "Crowd": 1.0, "Traffic noise, "
                     "roadway noise": 1.0})  # fmt: skip
    assert describe(place, AUDIOSET).flags == ()


def test_several_flags_stand_in_one_order():
    all_four = moments({"Silence": 0.9, "Hum": 0.8, "Singing": 0.7, "Conversation": 0.6})
    assert describe(all_four, AUDIOSET).flags == (Flag.SPEECH, Flag.MUSIC, Flag.NOISE, Flag.SILENCE)


@pytest.mark.parametrize("noise", ["Noise", "White noise", "Pink noise", "Static", "Hum"])
@pytest.mark.parametrize(
    ("rain", "flags"),
    [(0.81, ()), (0.8, (Flag.NOISE,)), (0.79, (Flag.NOISE,)), (0.0, (Flag.NOISE,))],
)
def test_noise_of_which_one_knows_the_cause_is_no_flag(noise, rain, flags):
    assert describe(moments({noise: 0.8, "Rain": rain}), AUDIOSET).flags == flags


def test_a_sound_in_general_terms_is_no_cause_of_noise():
    general = moments({"Noise": 0.6, "Outside, rural or natural": 0.9, "Environmental noise": 0.9})
    assert describe(general, AUDIOSET).flags == (Flag.NOISE,)


def test_it_is_the_surest_named_sound_over_the_whole_recording_that_counts():
    """Rain is surer in one moment, noise in the mean."""
    assert describe(moments({"Noise": 0.6, "Rain": 0.9}, {"Noise": 0.6}), AUDIOSET).flags == (
        Flag.NOISE,
    )


@pytest.mark.parametrize(
    ("name", "flag"),
    [("Speech", Flag.SPEECH), ("Music", Flag.MUSIC), ("Silence", Flag.SILENCE)],
)
def test_the_other_flags_stand_beside_any_sound(name, flag):
    assert describe(moments({name: 0.6, "Rain": 0.9}), AUDIOSET).flags == (flag,)


def test_speech_now_and_then_is_no_flag():
    assert describe(moments({"Speech": 0.9}, {}, {}), AUDIOSET).flags == ()


def test_nothing_heard_is_described_by_nothing():
    assert describe(np.zeros((2, len(AUDIOSET))), AUDIOSET) == Description((), ())


@pytest.mark.parametrize("names", [TOO_GENERAL, *_FLAGGED_BY.values(), frozenset(_TOLD_AS)])
def test_every_name_is_one_of_audiosets(names):
    """Of a name with a slip of the pen nothing would ever be heard."""
    assert len(AUDIOSET.positions(names)) == len(names)


def test_another_vocabulary_is_described_alike():
    """It knows no music and no silence: nothing is looked for that it does not have."""
    description = describe(np.array([[0.9, 0.2, 0.6, 0.9, 0.1]]), SOUNDS)
    assert [sound.name for sound in description.sounds] == ["waves", "speech", "wind"]
    assert description.flags == (Flag.SPEECH,)


@pytest.mark.parametrize(
    ("name", "told_as"),
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
def test_sounds_are_called_what_people_call_them(name, told_as):
    assert short_name(AUDIOSET.by_name(name)) == told_as


def test_every_sound_has_a_short_name():
    names = [short_name(label) for label in AUDIOSET]
    assert all(name == name.strip() and name for name in names)
    assert not any("," in name or "(" in name for name in names)


def test_a_name_of_one_word_stays():
    assert short_name(ClassLabel(0, "x", "Hiss")) == "hiss"
