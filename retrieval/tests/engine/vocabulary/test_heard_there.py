"""The rules of the table of sounds, and checks of the project's own table."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from retrieval.engine.errors import VocabularyError
from retrieval.engine.vocabulary.heard_there import (
    HEARD_COLUMNS,
    SCENERY_COLUMNS,
    HeardEntry,
    HeardThere,
    Origin,
    Scenery,
    Sound,
    load_heard_there,
    parse_heard_there,
)
from retrieval.engine.vocabulary.labels import ClassLabel, Vocabulary, load_vocabulary
from retrieval.tests.engine.toy_matching import expected_anywhere
from retrieval.tests.factories import DUMMY_TABLE, SOUNDS

SEEN = Vocabulary(
    "seen",
    (ClassLabel(0, "n1", "lighthouse"), ClassLabel(1, "n2", "alp"), ClassLabel(2, "n3", "tie")),
)
HEARD_HEADER, SCENERY_HEADER = ",".join(HEARD_COLUMNS), ",".join(SCENERY_COLUMNS)
HEARD = [
    "n1,lighthouse,Wind,0.25,it stands high",
    'n1,lighthouse,"Waves, surf",0.75,it stands by the sea',
    "n2,alp,Wind,1,up there",
    "n3,tie,,,worn anywhere",
]
SCENERY = [
    "n1,lighthouse,sea,natural",
    "n2,alp,mountain-and-snow,natural",
    "n3,tie,no-scene,human-made",
]


def parsed(heard=None, scenery=None):
    return parse_heard_there(
        [f"{line}\n" for line in [HEARD_HEADER, *(HEARD if heard is None else heard)]],
        [f"{line}\n" for line in [SCENERY_HEADER, *(SCENERY if scenery is None else scenery)]],
        seen=SEEN,
        heard=SOUNDS,
    )


def changed(lines, position, line):
    """Return lines with one replaced, or removed if `line` is empty."""
    return [*lines[:position], *([line] if line else []), *lines[position + 1 :]]


def sound(name, weight, why="because"):
    return Sound(SOUNDS.by_name(name), weight, why)


# --- reading -------------------------------------------------------------------------------


def test_a_table_is_read():
    table = parsed()

    lighthouse, alp, tie = table.entries
    assert [(s.label.name, s.weight, s.why) for s in lighthouse.sounds] == [
        ("Waves, surf", 0.75, "it stands by the sea"),
        ("Wind", 0.25, "it stands high"),
    ]  # largest first
    assert (lighthouse.scenery, lighthouse.origin) == (Scenery.SEA, Origin.NATURAL)
    assert (lighthouse.label, lighthouse.remark) == (SEEN[0], "")
    assert (tie.sounds, tie.remark) == ((), "worn anywhere")
    assert (tie.scenery, tie.origin) == (Scenery.NO_SCENE, Origin.HUMAN_MADE)
    assert table.entry("n2") is alp
    assert (table.seen, table.heard) == (SEEN, SOUNDS)


def test_rows_of_weights_sum_to_one_or_are_zero():
    table = parsed()
    assert table.weights.tolist() == [[0.75, 0.25, 0, 0, 0], [0, 1, 0, 0, 0], [0] * 5]
    assert table.audible.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="read-only"):
        table.weights[0, 0] = 1


def test_natural_classes_are_those_of_natural_origin():
    assert parsed().natural.tolist() == [True, True, False]


def test_anywhere_is_a_mean_over_sceneries_of_means_over_classes():
    """Two classes at the sea, one in the mountains, one mute."""
    seen = Vocabulary("four", (*SEEN, ClassLabel(3, "n4", "buoy")))
    given = [
        ((sound("Waves, surf", 0.75), sound("Wind", 0.25)), Scenery.SEA),
        ((sound("Wind", 1.0),), Scenery.MOUNTAIN_AND_SNOW),
        ((), Scenery.NO_SCENE),
        ((sound("Waves, surf", 0.25), sound("Bird", 0.75)), Scenery.SEA),
    ]
    entries = (
        HeardEntry(label, sounds, scenery, Origin.NATURAL)
        for label, (sounds, scenery) in zip(seen, given, strict=True)
    )
    found = HeardThere(seen, SOUNDS, tuple(entries)).anywhere
    # at the sea: waves 1/2, wind 1/8, birds 3/8; in the mountains: wind
    np.testing.assert_allclose(found, [1 / 4, 9 / 16, 0, 3 / 16, 0], atol=1e-15)


def test_rows_of_weights_are_normalised():
    heard = ["n1,lighthouse,Wind,0.3333333,high", "n1,lighthouse,Bird,0.6666671,gulls", *HEARD[2:]]
    assert parsed(heard=heard).weights[0].sum() == pytest.approx(1, abs=1e-15)


def test_rows_may_be_in_any_order():
    shuffled = parsed(heard=HEARD[::-1], scenery=SCENERY[::-1])
    assert shuffled.entries == parsed().entries
    assert shuffled.version == parsed().version


HEARD_FAULTS = {
    "an unknown class": (
        changed(HEARD, 2, "n9,alp,Wind,1,up there"),
        "'seen' has no class 'n9'",
    ),
    "another name": (
        changed(HEARD, 2, "n2,Alps,Wind,1,up there"),
        "line 4: n2 is 'alp', not 'Alps'",
    ),
    "a cell too few": (changed(HEARD, 2, "n2,alp,Wind,1"), "line 4 does not have 5 cells"),
    "a cell too many": (
        changed(HEARD, 2, "n2,alp,Wind,1,up,there"),
        "line 4 does not have 5 cells",
    ),
    "an unknown sound": (
        changed(HEARD, 2, "n2,alp,Yodel,1,up there"),
        r"n2 \(alp\): there is no sound 'Yodel'",
    ),
    "a sound by its key": (
        changed(HEARD, 2, "n2,alp,s1,1,up there"),
        r"n2 \(alp\): there is no sound 's1'",
    ),
    "a weight without a sound": (
        changed(HEARD, 2, "n2,alp,,1,up there"),
        r"n2 \(alp\): there is no sound ''",
    ),
    "no reason": (changed(HEARD, 2, "n2,alp,Wind,1, "), r"n2 \(alp\): no reason given for 'W"),
    "no weight": (
        changed(HEARD, 2, "n2,alp,Wind,,up there"),
        r"n2 \(alp\): weight '' is not a num",
    ),
    "a weight in words": (
        changed(HEARD, 2, "n2,alp,Wind,much,up there"),
        r"n2 \(alp\): weight 'much' is not a number",
    ),
    "a weight of 0": (
        [*HEARD, "n2,alp,Bird,0,up there"],
        r"n2 \(alp\): weights \[1.0, 0.0\] are not all positive",
    ),
    "a negative weight": (
        [*changed(HEARD, 2, "n2,alp,Wind,1.5,up there"), "n2,alp,Bird,-0.5,up there"],
        r"n2 \(alp\): weights \[1.5, -0.5\] are not all positive",
    ),
    "a weight that is not a number": (
        changed(HEARD, 2, "n2,alp,Wind,nan,up there"),
        r"n2 \(alp\): weights \[nan\] are not all positive",
    ),
    "an infinite weight": (
        changed(HEARD, 2, "n2,alp,Wind,inf,up there"),
        r"n2 \(alp\): weights \[inf\] are not all positive",
    ),
    "too small a sum": (
        changed(HEARD, 2, "n2,alp,Wind,0.99,up there"),
        r"n2 \(alp\): weights sum to 0.99, not to 1",
    ),
    "too large a sum": (
        [*HEARD, "n2,alp,Bird,0.00001,up there"],
        r"n2 \(alp\): weights sum to 1.00001, not to 1",
    ),
    "a sound twice": (
        changed(HEARD, 0, 'n1,lighthouse,"Waves, surf",0.25,again'),
        r"n1 \(lighthouse\): a sound occurs twice",
    ),
    "mute twice": ([*HEARD, "n3,tie,,,again"], r"n3 \(tie\) is mute twice"),
    "mute with sounds": (
        [*HEARD, "n2,alp,,,nothing"],
        "n2 is mute and has sounds",
    ),
    "mute before its sounds": (
        ["n2,alp,,,nothing", *HEARD],
        "n2 is mute and has sounds",
    ),
    "mute with a scenery": (
        changed(HEARD, 2, "n2,alp,,,nothing"),
        r"n2 \(alp\) has no sounds but scenery 'mountain-and-snow'",
    ),
    "no row": (HEARD[:2] + HEARD[3:], r"no entry for n2 \(alp\)"),
    "no rows at all": ([], r"no entry for n1 \(lighthouse\)"),
}


@pytest.mark.parametrize(("heard", "message"), HEARD_FAULTS.values(), ids=HEARD_FAULTS)
def test_a_fault_in_the_sounds_is_reported(heard, message):
    with pytest.raises(VocabularyError, match=message):
        parsed(heard=heard)


SCENERY_FAULTS = {
    "an unknown class": (changed(SCENERY, 1, "n9,alp,forest,natural"), "has no class 'n9'"),
    "another name": (
        changed(SCENERY, 1, "n2,Alps,forest,natural"),
        "line 3: n2 is 'alp', not 'Alps'",
    ),
    "a cell too few": (changed(SCENERY, 1, "n2,alp,forest"), "line 3 does not have 4 cells"),
    "a cell too many": (
        changed(SCENERY, 1, "n2,alp,forest,natural,x"),
        "line 3 does not have 4 cells",
    ),
    "an unknown group": (
        changed(SCENERY, 1, "n2,alp,moon,natural"),
        r"n2 \(alp\): 'moon' is not a valid Scenery",
    ),
    "an unknown origin": (
        changed(SCENERY, 1, "n2,alp,forest,divine"),
        r"n2 \(alp\): 'divine' is not a valid Origin",
    ),
    "a class twice": (
        [*SCENERY, "n2,alp,forest,natural"],
        r"n2 \(alp\) has two sceneries",
    ),
    "no row": (changed(SCENERY, 1, None), r"no entry for n2 \(alp\)"),
}


@pytest.mark.parametrize(("scenery", "message"), SCENERY_FAULTS.values(), ids=SCENERY_FAULTS)
def test_a_fault_in_the_sceneries_is_reported(scenery, message):
    with pytest.raises(VocabularyError, match=message):
        parsed(scenery=scenery)


@pytest.mark.parametrize("header", ["", "wnid,label,heard,weight", "label,wnid,heard,weight,why"])
def test_other_columns_are_refused(header):
    with pytest.raises(VocabularyError, match="the table needs the columns") as caught:
        parse_heard_there([f"{header}\n"], [], seen=SEEN, heard=SOUNDS)
    assert caught.value.code == "invalid_vocabulary"
    good = [f"{line}\n" for line in [HEARD_HEADER, *HEARD]]
    with pytest.raises(VocabularyError, match="the table needs the columns"):
        parse_heard_there(good, [f"{header}\n"], seen=SEEN, heard=SOUNDS)


@pytest.mark.parametrize("fault", ["an unknown class", "an unknown sound"])
def test_unknown_names_have_their_own_code(fault):
    with pytest.raises(VocabularyError) as caught:
        parsed(heard=HEARD_FAULTS[fault][0])
    assert caught.value.code == "unknown_class"


def test_a_table_needs_every_class_in_order():
    entries = parsed().entries
    for wrong in (entries[:2], entries[::-1], (*entries, entries[2]), ()):
        message = f"has {len(wrong)} entries, not one for each of the 3 classes of 'seen'"
        with pytest.raises(VocabularyError, match=message):
            HeardThere(SEEN, SOUNDS, wrong)


def test_an_invalid_entry_is_refused():
    with pytest.raises(VocabularyError, match=r"weights sum to 0\.5"):
        HeardEntry(SEEN[0], (sound("Wind", 0.5),), Scenery.SEA, Origin.NATURAL)
    with pytest.raises(VocabularyError, match="has no sounds but scenery 'sea'"):
        HeardEntry(SEEN[0], (), Scenery.SEA, Origin.NATURAL)


FOREIGN_LABELS = {
    "beyond the last": ClassLabel(7, "s7", "Yodel"),
    "another in its place": ClassLabel(1, "x1", "Yodel"),
    "another key": ClassLabel(1, "x1", "Wind"),
    "another name": ClassLabel(1, "s1", "Gale"),
    "out of place": ClassLabel(2, "s1", "Wind"),
}


@pytest.mark.parametrize("label", FOREIGN_LABELS.values(), ids=FOREIGN_LABELS)
def test_a_sound_of_another_vocabulary_is_refused(label):
    foreign = [Sound(label, 1.0, "because")]
    with pytest.raises(VocabularyError, match=r"'sounds'"):
        parsed().with_sounds({"n2": foreign})
    entries = parsed().entries
    with pytest.raises(VocabularyError, match=r"'sounds'"):
        HeardThere(
            SEEN, SOUNDS, (entries[0], replace(entries[1], sounds=tuple(foreign)), entries[2])
        )


def test_a_foreign_sound_is_reported_with_its_class():
    foreign = [Sound(FOREIGN_LABELS["another name"], 1.0, "because")]
    with pytest.raises(VocabularyError, match=r"n2 \(alp\): 'Gale' is not a sound of 'sounds'"):
        parsed().with_sounds({"n2": foreign})


INVALID_CSV = {
    "text after a quote": 'n2,alp,"Wind"s,1,up there',
    "an open quote": 'n2,alp,Wind,1,"up there',
    "too long": f"n2,alp,Wind,1,{'x' * 200_000}",
}


@pytest.mark.parametrize("line", INVALID_CSV.values(), ids=INVALID_CSV)
def test_invalid_csv_is_refused_with_its_line(line):
    with pytest.raises(VocabularyError, match=r"line 5 is not valid CSV: ") as caught:
        parsed(heard=[*HEARD[:2], HEARD[3], line])
    assert caught.value.code == "invalid_vocabulary"
    with pytest.raises(VocabularyError, match=r"line 4 is not valid CSV: "):
        parsed(scenery=[*SCENERY[:2], line])


@pytest.mark.parametrize("header", ['wnid,label,heard,weight,"wh"y', f'"{HEARD_HEADER}'])
def test_an_invalid_csv_header_is_refused(header):
    with pytest.raises(VocabularyError) as caught:
        parse_heard_there([f"{header}\n"], [], seen=SEEN, heard=SOUNDS)
    assert caught.value.code == "invalid_vocabulary"


def test_an_unknown_class_has_no_entry():
    with pytest.raises(VocabularyError, match="'seen' has no class 'n7'") as caught:
        parsed().entry("n7")
    assert caught.value.code == "unknown_class"


# --- versions and overrides ----------------------------------------------------------------


def test_the_version_changes_with_classes_sounds_and_weights():
    version = parsed().version
    assert version == parsed().version
    assert version.startswith("heard-there@")
    others = [
        changed(HEARD, 2, "n2,alp,Bird,1,up there"),
        [*changed(HEARD, 2, "n2,alp,Wind,0.9,up there"), "n2,alp,Bird,0.1,up there"],
        [*changed(HEARD, 3, "n3,tie,Speech,1,an office")],
        [
            "n1,lighthouse,Wind,0.75,it stands high",
            'n1,lighthouse,"Waves, surf",0.25,it stands by the sea',
            *HEARD[2:],
        ],
        [
            "n2,alp,Wind,0.25,it stands high",
            'n2,alp,"Waves, surf",0.75,it stands by the sea',
            "n1,lighthouse,Wind,1,up there",
            HEARD[3],
        ],
    ]
    versions = {parsed(heard=heard).version for heard in others}
    assert len(versions) == len(others)
    assert version not in versions


@pytest.mark.parametrize("position", [0, 1, 2])
def test_the_version_changes_with_an_origin(position):
    """The speech penalty depends on it."""
    line = SCENERY[position]
    other = "human-made" if line.endswith("natural") else "natural"
    scenery = changed(SCENERY, position, f"{line.rpartition(',')[0]},{other}")
    assert parsed(scenery=scenery).version != parsed().version


@pytest.mark.parametrize("position", [0, 1])
def test_the_version_changes_with_a_scenery(position):
    """`HeardThere.anywhere` depends on it."""
    key, label, _, origin = SCENERY[position].split(",")
    scenery = changed(SCENERY, position, f"{key},{label},forest,{origin}")
    assert parsed(scenery=scenery).version != parsed().version


def test_the_version_changes_if_sounds_move_to_another_class():
    """Both tables have the same sounds in the same order."""
    scenery = [line.replace("mountain-and-snow", "no-scene") for line in SCENERY]
    tie_speaks = [*HEARD[:2], "n2,alp,,,nothing", "n3,tie,Speech,1,an office"]
    alp_speaks = [*HEARD[:2], "n2,alp,Speech,1,a guide", "n3,tie,,,nothing"]
    one, other = (parsed(heard, scenery) for heard in (tie_speaks, alp_speaks))
    assert one.version != other.version


def test_the_version_does_not_depend_on_reasons():
    reworded = [line.replace("it stands", "built to stand") for line in HEARD]
    reworded[3] = "n3,tie,,,seen everywhere"
    assert parsed(heard=reworded).entries != parsed().entries
    assert parsed(heard=reworded).version == parsed().version


def test_the_version_does_not_depend_on_the_order_of_sounds():
    halves = ['n1,lighthouse,"Waves, surf",0.5,sea', "n1,lighthouse,Wind,0.5,high", *HEARD[2:]]
    swapped = [halves[1], halves[0], *HEARD[2:]]
    assert parsed(heard=halves).version == parsed(heard=swapped).version


def test_the_sounds_of_a_class_can_be_replaced():
    table = parsed()
    other = table.with_sounds({"n2": [sound("Bird", 0.4), sound("Wind", 0.6)]})

    assert other.weights.tolist() == [[0.75, 0.25, 0, 0, 0], [0, 0.6, 0, 0.4, 0], [0] * 5]
    assert [s.label.name for s in other.entry("n2").sounds] == ["Wind", "Bird"]
    assert other.entry("n2").scenery is Scenery.MOUNTAIN_AND_SNOW
    assert [other.entries[i] for i in (0, 2)] == [table.entries[i] for i in (0, 2)]
    assert other.version != table.version
    assert table.entry("n2").sounds == parsed().entry("n2").sounds  # the original is unchanged


def test_replacing_sounds_by_themselves_gives_an_equal_table():
    table = parsed()
    same = table.with_sounds({"n1": table.entry("n1").sounds[::-1]})
    assert same.entries == table.entries
    assert same.version == table.version == table.with_sounds({}).version


def test_a_class_can_be_made_mute_or_audible():
    mute = parsed().with_sounds({"n2": []})
    assert (mute.entry("n2").sounds, mute.entry("n2").scenery) == ((), Scenery.NO_SCENE)
    assert mute.audible.tolist() == [True, False, False]
    audible = parsed().with_sounds({"n3": [sound("Speech", 1.0)]})
    assert audible.audible.tolist() == [True, True, True]
    assert audible.weights[2].tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"n9": [sound("Wind", 1.0)]}, "no class 'n9'"),
        ({"n1": [sound("Wind", 0.9)]}, r"n1 \(lighthouse\): weights sum to 0.9"),
        ({"n1": [sound("Wind", 0.5), sound("Wind", 0.5)]}, "a sound occurs twice"),
        ({"n1": [sound("Wind", 2.0), sound("Bird", -1.0)]}, "not all positive"),
    ],
)
def test_invalid_replacements_are_refused(replaced, message):
    with pytest.raises(VocabularyError, match=message):
        parsed().with_sounds(replaced)


# --- the project's own ---------------------------------------------------------------------

PLACELESS = {Scenery.ANIMALS_CLOSE_BY, Scenery.INDOORS_AND_PEOPLE, Scenery.NO_SCENE}


@pytest.fixture(scope="module")
def own() -> HeardThere:
    return load_heard_there()


def test_every_class_has_an_entry_in_the_models_order(own):
    assert len(own.entries) == 1000
    assert [entry.label for entry in own.entries] == list(load_vocabulary("imagenet"))
    assert own.seen is load_vocabulary("imagenet")
    assert own.heard is load_vocabulary("audioset")


def test_every_sound_is_in_audioset_with_a_weight_and_a_reason(own):
    audioset = load_vocabulary("audioset")
    for entry in own.entries:
        for each in entry.sounds:
            assert audioset[each.label.index] == each.label
            assert 0 < each.weight <= 1
            assert each.why.strip()


def test_the_weights_of_every_audible_class_sum_to_one(own):
    for entry in own.entries:
        if entry.sounds:
            assert math.fsum(each.weight for each in entry.sounds) == pytest.approx(1, abs=1e-9)
    sums = own.weights.sum(axis=1)
    np.testing.assert_allclose(sums, own.audible.astype(float), atol=1e-12)
    assert own.weights.min() >= 0


def test_every_mute_class_has_no_scenery_and_a_remark(own):
    mute = [entry for entry in own.entries if not entry.sounds]
    assert mute
    for entry in mute:
        assert entry.scenery is Scenery.NO_SCENE
        assert entry.remark.strip()


def test_every_class_with_a_scenery_has_sounds(own):
    shown = [entry for entry in own.entries if entry.scenery is not Scenery.NO_SCENE]
    assert len(shown) > 500
    assert all(entry.sounds for entry in shown)


def test_every_group_and_origin_is_used(own):
    assert {entry.scenery for entry in own.entries} == set(Scenery)
    assert {entry.origin for entry in own.entries} == set(Origin)


def test_classes_with_a_scenery_have_different_entries(own):
    sharing = defaultdict(set)
    for entry in own.entries:
        if entry.sounds and entry.scenery not in PLACELESS:
            sharing[frozenset((s.label.key, s.weight) for s in entry.sounds)].add(entry.label.name)
    assert [names for names in sharing.values() if len(names) > 1] == []


def test_classes_of_different_sceneries_have_different_entries(own):
    groups = defaultdict(set)
    for entry in own.entries:
        if entry.sounds:
            groups[frozenset((s.label.key, s.weight) for s in entry.sounds)].add(entry.scenery)
    assert all(len(each) == 1 for each in groups.values())


@pytest.mark.parametrize(
    ("wnid", "sounds"),
    [
        ("n02814860", {"Waves, surf", "Wind"}),  # beacon, a lighthouse
        ("n09193705", {"Wind"}),  # alp
        ("n04081281", {"Chatter"}),  # restaurant
        ("n09428293", {"Waves, surf"}),  # seashore
    ],
)
def test_the_sounds_named_in_the_requirement_are_present(own, wnid, sounds):
    assert {each.label.name for each in own.entry(wnid).sounds} >= sounds


@pytest.mark.parametrize("wnid", ["n04591157", "n07693725"])  # Windsor tie, bagel
def test_classes_that_tell_nothing_of_the_place_are_mute(own, wnid):
    entry = own.entry(wnid)
    assert not own.audible[entry.label.index]
    assert entry.scenery is Scenery.NO_SCENE


def test_the_real_tables_version_changes_with_a_weight(own):
    entry = own.entry("n09428293")
    first, second, *rest = entry.sounds
    moved = [
        replace(first, weight=first.weight - 0.01),
        replace(second, weight=second.weight + 0.01),
    ]
    assert own.with_sounds({"n09428293": [*moved, *rest]}).version != own.version
    reworded = [replace(each, why="otherwise") for each in entry.sounds]
    assert own.with_sounds({"n09428293": reworded}).version == own.version


def test_every_scenery_of_the_real_table_counts_equally_anywhere(own):
    expected = list(expected_anywhere(own).values())
    np.testing.assert_allclose(own.anywhere, expected, rtol=0, atol=1e-9)
    assert own.anywhere.sum() == pytest.approx(1)
    alike = own.weights[own.audible].mean(axis=0)  # if every class counted equally
    dog = own.heard.by_name("Dog").index
    assert own.anywhere[dog] < alike[dog] * 2 / 3


def test_the_real_tables_natural_classes_are_those_of_natural_origin(own):
    natural = {entry.label.name for entry in own.entries if entry.origin is Origin.NATURAL}
    found = {own.seen[int(index)].name for index in np.flatnonzero(own.natural)}
    assert found == natural
    assert {"alp", "seashore"} <= found
    assert "restaurant" not in found


def test_the_real_table_is_read_once(own):
    assert load_heard_there() is own


def test_the_dummy_tables_weights_agree_with_its_entries():
    """Other tests compare with it."""
    expected = np.zeros((7, 5))
    for entry in DUMMY_TABLE.entries:
        for each in entry.sounds:
            expected[entry.label.index, SOUNDS.by_name(each.label.name).index] = each.weight
    np.testing.assert_allclose(DUMMY_TABLE.weights, expected, atol=1e-15)
