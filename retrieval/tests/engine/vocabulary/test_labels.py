"""The rules of vocabularies, and the contents of the project's own."""

from __future__ import annotations

import csv
import json

import pytest

from retrieval.engine.errors import VocabularyError
from retrieval.engine.vocabulary.labels import (
    ClassLabel,
    Vocabulary,
    load_vocabulary,
    parse_vocabulary,
)

TENCH = ClassLabel(index=0, key="n01440764", name="tench")
KITE = ClassLabel(index=1, key="n01608432", name="kite")


def test_a_vocabulary_is_looked_up_by_position_and_by_key():
    vocabulary = Vocabulary("two", (TENCH, KITE))

    assert len(vocabulary) == 2
    assert list(vocabulary) == [TENCH, KITE]
    assert vocabulary[1] == KITE
    assert vocabulary.by_key("n01440764") == TENCH


@pytest.mark.parametrize("index", [-1, 2])
def test_a_position_out_of_range_is_an_error(index):
    with pytest.raises(VocabularyError, match=f"classes 0 to 1, not {index}") as caught:
        Vocabulary("two", (TENCH, KITE))[index]
    assert caught.value.code == "unknown_class"


def test_an_unknown_key_is_an_error():
    with pytest.raises(VocabularyError, match="'two' has no class 'n99999999'") as caught:
        Vocabulary("two", (TENCH, KITE)).by_key("n99999999")
    assert caught.value.code == "unknown_class"


def test_a_class_is_found_by_its_name():
    assert Vocabulary("two", (TENCH, KITE)).by_name("kite") == KITE


def test_of_two_classes_with_the_same_name_the_first_is_found():
    """ImageNet's crane the bird comes before the machine."""
    imagenet = load_vocabulary("imagenet")
    cranes = [label for label in imagenet if label.name == "crane"]
    assert [label.key for label in cranes] == ["n02012849", "n03126707"]
    assert imagenet.by_name("crane") == cranes[0]


@pytest.mark.parametrize("name", ["n01440764", "Tench", "tench ", ""])
def test_an_unknown_name_is_an_error(name):
    with pytest.raises(VocabularyError, match=f"'two' has no class called '{name}'") as caught:
        Vocabulary("two", (TENCH, KITE)).by_name(name)
    assert caught.value.code == "unknown_class"
    assert not Vocabulary("two", (TENCH, KITE)).has_name(name)


def test_positions_of_names_are_sorted():
    two = Vocabulary("two", (TENCH, KITE))
    assert two.positions(["kite", "tench"]) == [0, 1]
    assert two.positions([]) == []
    assert two.has_name("kite")
    with pytest.raises(VocabularyError, match="'two' has no class called 'crane'"):
        two.positions({"kite", "crane"})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ((), "no classes"),
        ((KITE,), "'n01608432' has index 1 but is at position 0"),
        ((TENCH, ClassLabel(2, "n2", "two")), "has index 2 but is at position 1"),
        ((TENCH, ClassLabel(1, TENCH.key, "again")), "'n01440764' is at positions 0 and 1"),
        ((ClassLabel(0, " ", "nameless"),), "blank key or name"),
        ((ClassLabel(0, "n0", ""),), "blank key or name"),
    ],
)
def test_labels_that_break_the_rules_are_refused(labels, message):
    with pytest.raises(VocabularyError, match=message) as caught:
        Vocabulary("broken", labels)
    assert caught.value.code == "invalid_vocabulary"


@pytest.mark.parametrize(
    "lines",
    [
        ["index,wnid,name\n", "0,n1,x\n"],
        ["index,key,name\n", "zero,n1,x\n"],
        ["index,key,name\n", "-1,n1,x\n"],
        ["index,key,name\n", "0,n1\n"],
        ["index,key,name\n", "0,n1,x,y\n"],
        [],
    ],
)
def test_a_file_in_another_format_is_refused(lines):
    with pytest.raises(VocabularyError) as caught:
        parse_vocabulary("broken", lines)
    assert caught.value.code == "invalid_vocabulary"


@pytest.mark.parametrize(
    "lines",
    [
        ["index,key,name\n", '0,n1,"x"y\n'],
        ["index,key,name\n", "0,n1,x\n", '1,n2,"never closed\n'],
        ["index,key,name\n", f"0,n1,{'x' * 200_000}\n"],
    ],
    ids=["text after a quote", "an open quote", "too long"],
)
def test_invalid_csv_is_refused_with_its_line(lines):
    with pytest.raises(
        VocabularyError, match=rf"vocabulary 'broken': line {len(lines)} is not valid CSV: "
    ) as caught:
        parse_vocabulary("broken", lines)
    assert caught.value.code == "invalid_vocabulary"


@pytest.mark.parametrize("header", ['index,key,"na"me\n', '"index,key,name\n'])
def test_an_invalid_csv_header_is_refused(header):
    with pytest.raises(VocabularyError) as caught:
        parse_vocabulary("broken", [header, "0,n1,x\n"])
    assert caught.value.code == "invalid_vocabulary"


def test_names_may_contain_commas():
    vocabulary = parse_vocabulary("quoted", ["index,key,name\n", '0,/m/0ytgt,"Child, speaking"\n'])

    assert vocabulary[0].name == "Child, speaking"


def test_imagenet_is_in_the_models_order():
    vocabulary = load_vocabulary("imagenet")

    keys = [label.key for label in vocabulary]
    assert keys == sorted(keys)
    assert vocabulary[0].name == "tench"
    assert vocabulary[len(vocabulary) - 1].name == "toilet tissue"


def test_audioset_is_in_the_models_order():
    vocabulary = load_vocabulary("audioset")

    assert len(vocabulary) == 521
    assert (vocabulary[0].key, vocabulary[0].name) == ("/m/09x0r", "Speech")
    assert vocabulary[1].name == "Child speech, kid speaking"
    assert vocabulary[494].name == "Silence"
    assert vocabulary[520].name == "Field recording"


def test_no_two_of_audiosets_sounds_share_a_name():
    """The table of sounds refers to them by name."""
    vocabulary = load_vocabulary("audioset")
    assert [vocabulary.by_name(label.name) for label in vocabulary] == list(vocabulary)


def test_a_vocabulary_is_read_once():
    assert load_vocabulary("imagenet") is load_vocabulary("imagenet")


@pytest.mark.parametrize("name", ["klingon", "../labels", ""])
def test_an_unknown_vocabulary_is_an_error_that_lists_the_known_ones(name):
    with pytest.raises(VocabularyError, match=r"imagenet\.csv") as caught:
        load_vocabulary(name)
    assert caught.value.code == "unknown_vocabulary"


def test_imagenet_agrees_with_the_shared_facts(shared_dir):
    with (shared_dir / "vocabulary/imagenet.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    vocabulary = load_vocabulary("imagenet")
    assert [(label.index, label.key) for label in vocabulary] == [
        (int(row["index"]), row["wnid"]) for row in rows
    ]
    for label, row in zip(vocabulary, rows, strict=True):
        assert row["names"] == label.name or row["names"].startswith(f"{label.name}, ")


def test_imagenets_names_agree_with_the_golden_files(shared_dir):
    golden = json.loads((shared_dir / "golden/top5.json").read_text())
    vocabulary = load_vocabulary("imagenet")

    named = [entry for kind in golden.values() for top in kind.values() for entry in top]
    assert len(named) == 5 * (6 + 10)
    for entry in named:
        assert vocabulary.by_key(entry["wnid"]).name == entry["label"]
