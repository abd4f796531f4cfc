"""Files of a report: the same rows in each format, and nothing that names people."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import defaultdict
from dataclasses import replace
from datetime import datetime
from statistics import median

import numpy as np
import pytest
from pyarrow import parquet

from labelling.reporting.columns import TABLES
from labelling.reporting.figures import make_report
from labelling.selectors.report_contents import ReportContents
from labelling.selectors.sceneries import UNKNOWN
from labelling.services.report_files import FileFormat, write_report_files
from labelling.tests.report_examples import FULL, make_rows
from retrieval.engine.vocabulary.heard_there import Origin

ABOUT = {"seed": 11, "libraries": {"numpy": "2"}}


def written(kind, rows=None):
    file = io.BytesIO()
    rows = rows or make_rows()
    contents = ReportContents("report", rows, FULL, ABOUT)
    write_report_files(target=file, kind=kind, contents=contents)
    return zipfile.ZipFile(file)


def text_of(archive, name):
    return archive.read(name).decode()


def rows_of_csv(archive, table):
    """Return the rows of a table in the types that the dictionary names."""

    def typed(name, line):
        kind, text = kinds[name], line[name]
        if not kind.endswith("s"):
            return value_of(kind, text)
        of_places = name != "reasons" and line["matchers"]  # one entry a matcher, empty or not
        return [value_of(kind[:-1], one) for one in text.split(";")] if text or of_places else []

    def value_of(kind, text):
        if kind in {"int", "float"}:
            return (int if kind == "int" else float)(text) if text else None
        return text.removeprefix("'")

    kinds = {
        line["column"]: line["kind"]
        for line in csv.DictReader(io.StringIO(text_of(archive, "dictionary.csv")))
        if line["table"] == table
    }
    lines = csv.DictReader(io.StringIO(text_of(archive, f"{table}.csv"), newline=""))
    return [{name: typed(name, line) for name in line} for line in lines]


def rows_of_jsonl(archive, table):
    return [json.loads(line) for line in archive.read(f"{table}.jsonl").splitlines()]


def rows_of_parquet(archive, table):
    found = parquet.read_table(io.BytesIO(archive.read(f"{table}.parquet"))).to_pylist()
    return [
        {
            name: one.isoformat(timespec="microseconds") if isinstance(one, datetime) else one
            for name, one in row.items()
        }
        for row in found
    ]


@pytest.mark.parametrize("table", TABLES)
def test_each_format_holds_the_same_rows(table):
    rows = make_rows()
    of_csv = rows_of_csv(written(FileFormat.CSV), table)
    assert of_csv == rows_of_jsonl(written(FileFormat.JSONL), table)
    assert of_csv == rows_of_parquet(written(FileFormat.PARQUET), table)
    counts = {"pairs": 150, "grades": len(rows.grades.grade)}
    assert len(of_csv) == counts.get(table, len(of_csv)) > 50


def test_a_table_without_rows_is_written_with_its_columns():
    rows = make_rows(pairs=1)  # which has no grade
    csv_of, table = written(FileFormat.CSV, rows), written(FileFormat.PARQUET, rows)
    assert text_of(csv_of, "grades.csv").strip() == ",".join(one.name for one in TABLES["grades"])
    grades = parquet.read_table(io.BytesIO(table.read("grades.parquet")))
    assert (grades.num_rows, grades.column_names) == (0, [one.name for one in TABLES["grades"]])


def test_a_grade_is_written_with_its_pair():
    rows = make_rows()
    first = rows_of_csv(written(FileFormat.CSV, rows), "grades")[0]
    grades, pairs = rows.grades, rows.pairs
    assert (first["pair"], first["photo"], first["clip"]) == (1, 0, int(pairs.clip[0]))
    assert first["grade"] == ("bad", "decent", "good")[int(grades.grade[0])]
    assert (first["listened_s"], first["took_s"]) == (grades.listened_s[0], grades.took_s[0])
    assert first["at"] == "2026-01-01T00:00:00.000000+00:00"
    assert (first["grader"], first["probability"], first["stratum"]) == ("G1", 0.5, "rank 1")
    assert first["adjudicated"] == ("bad", "decent", "good")[int(pairs.adjudicated[0])]
    assert first["verdict"] == first["adjudicated"]


def test_a_pair_found_at_two_places_has_both():
    rows = make_rows(pairs=2)
    found = rows.found
    twice = replace(found, pair=np.zeros(2, dtype=np.int64), matcher=np.array(["fused", "paper"]))
    pairs = rows_of_csv(written(FileFormat.CSV, replace(rows, found=twice)), "pairs")
    assert (pairs[0]["matchers"], pairs[0]["ranks"]) == (["fused", "paper"], [1, 2])
    assert (pairs[1]["matchers"], pairs[1]["ranks"]) == ([], [])


@pytest.mark.parametrize("kind", FileFormat)
def test_no_file_names_people_photos_or_pairs_by_their_keys(kind):
    archive = written(kind)
    texts = [text_of(archive, name) for name in archive.namelist() if "parquet" not in name]
    assert not [text for text in texts if "reviewer" in text and "500" in text]
    for table in ("pairs", "grades"):
        reader = {"csv": rows_of_csv, "jsonl": rows_of_jsonl, "parquet": rows_of_parquet}[kind]
        values = {str(value) for row in reader(archive, table) for value in row.values()}
        assert values.isdisjoint({str(key) for key in (*range(500, 504), *range(1000, 1150))})


def test_no_cell_of_csv_is_a_formula():
    archive = written(FileFormat.CSV)
    assert "'=1+1" in text_of(archive, "pairs.csv")
    for name in TABLES:
        for line in csv.reader(io.StringIO(text_of(archive, f"{name}.csv"))):
            for cell in line:
                if cell[:1] in set("=+-@\t\r"):
                    float(cell)


def test_the_dictionary_has_every_column_of_every_table():
    archive = written(FileFormat.CSV)
    described = list(csv.DictReader(io.StringIO(text_of(archive, "dictionary.csv"))))
    assert all(line["meaning"] for line in described)
    for table in TABLES:
        head = next(csv.reader(io.StringIO(text_of(archive, f"{table}.csv"))))
        assert [line["column"] for line in described if line["table"] == table] == head


def test_the_dictionary_names_the_origins_of_sceneries():
    (origin,) = [one for one in TABLES["pairs"] if one.name == "origin"]
    assert origin.values.split(", ") == [*Origin, UNKNOWN]


def test_figures_are_written_with_their_intervals():
    aggregates = rows_of_csv(written(FileFormat.CSV), "aggregates")
    found = {(row["section"], row["name"], row["measure"]): row for row in aggregates}
    assert len(found) == len(aggregates)
    headline = found["headline", "rank 1", "good"]
    assert (headline["value"], headline["lower"], headline["upper"]) == (0.1 + 0.2, 1e-17, 1.0)
    assert (headline["n"], headline["effective_n"], headline["note"]) == (200, 123.45, "too_few")
    assert found["agreement", "", "cohen"]["note"] == "not_two_graders"
    assert found["graders", "G1", "gold_right"]["value"] == 2
    assert found["comparison", "fused against paper", "only_first"]["value"] == 2
    assert found["calibration", "fused, standard 0 to 1", "mean standard"]["value"] == 0.5


def test_versions_are_written():
    assert json.loads(text_of(written(FileFormat.JSONL), "versions.json")) == ABOUT


# --- the report, computed again from the files alone, without any code of the program ------------


@pytest.fixture(scope="module")
def computed():
    """A report, and the tables of its CSV files as texts."""
    rows = make_rows(pairs=800)
    report, file = make_report(rows), io.BytesIO()
    contents = ReportContents("report", rows, report, ABOUT)
    write_report_files(target=file, kind=FileFormat.CSV, contents=contents)
    archive = zipfile.ZipFile(file)
    tables = {
        name: list(csv.DictReader(io.StringIO(text_of(archive, f"{name}.csv"), newline="")))
        for name in ("pairs", "grades")
    }
    return report, tables["pairs"], tables["grades"]


def verdict_of(pair, grades):
    """Return the lead's grade, else the grade of most in a settled pair without opposites."""
    if pair["adjudicated"]:
        return pair["adjudicated"]
    given = [grade["grade"] for grade in grades if grade["pair"] == pair["pair"]]
    for grade in given if pair["state"] == "settled" and not {"good", "bad"} <= {*given} else ():
        if 2 * given.count(grade) > len(given):
            return grade
    return ""


def share_of(pairs, *grades):
    decided = [pair for pair in pairs if pair["verdict"]]
    weights = [1 / float(pair["probability"]) for pair in decided]
    hits = [pair["verdict"] in grades for pair in decided]
    return sum(weight for weight, hit in zip(weights, hits, strict=True) if hit) / sum(weights)


def test_verdicts_follow_from_the_grades(computed):
    _, pairs, grades = computed
    assert [pair["verdict"] for pair in pairs] == [verdict_of(pair, grades) for pair in pairs]


def test_the_headline_follows_from_the_files(computed):
    report, pairs, _ = computed
    first = [pair for pair in pairs if pair["ranks"].split(";")[0] == "1"]
    assert report.headline.withheld == ""
    assert report.headline.share.value == pytest.approx(share_of(first, "good"), abs=1e-12)
    assert report.headline.share.n == sum(bool(pair["verdict"]) for pair in first)


def test_shares_of_parts_follow_from_the_files(computed):
    report, pairs, _ = computed
    assert report.adjudicated.good.value == pytest.approx(share_of(pairs, "good"), abs=1e-12)
    assert report.adjudicated.bad.value == pytest.approx(share_of(pairs, "bad"), abs=1e-12)
    assert report.slices.keys() >= {"stratum", "scenery", "collection"}
    for column in ("stratum", "scenery", "collection"):
        for part in report.slices[column]:
            own = [pair for pair in pairs if pair[column].removeprefix("'") == part.name]
            fits = share_of(own, "good", "decent")
            assert part.shares.good.value == pytest.approx(share_of(own, "good"), abs=1e-12)
            assert part.shares.good_or_decent.value == pytest.approx(fits, abs=1e-12)


def test_agreement_follows_from_the_files(computed):
    report, _, grades = computed
    by_pair = defaultdict(list)
    for grade in sorted(grades, key=lambda grade: grade["at"]):
        by_pair[grade["pair"]].append(grade["grade"])
    equal = [first == second for first, second in by_pair.values()]
    percent = next(one for one in report.agreement if one.name == "percent")
    assert percent.value == pytest.approx(sum(equal) / len(equal), abs=1e-12)


def test_the_table_of_graders_follows_from_the_files(computed):
    report, _, grades = computed
    assert len(report.graders) == 4
    for grader in report.graders:
        own = [grade for grade in grades if grade["grader"] == grader.pseudonym]
        assert grader.grades == len(own)
        assert grader.seconds_a_pair == median(float(grade["took_s"]) for grade in own)
        assert grader.good == sum(grade["grade"] == "good" for grade in own) / len(own)
        with_others = [
            mine["grade"] == other["grade"]
            for mine in own
            for other in grades
            if other["pair"] == mine["pair"] and other["grader"] != mine["grader"]
        ]
        equal = sum(with_others) / len(with_others)
        assert grader.with_others.value == pytest.approx(equal, abs=1e-12)


def test_reasons_follow_from_the_files(computed):
    report, _, grades = computed
    for reason in report.reasons:
        named = [one["grade"] for one in grades if reason.fault in one["reasons"].split(";")]
        assert (reason.decent, reason.bad) == (named.count("decent"), named.count("bad"))
