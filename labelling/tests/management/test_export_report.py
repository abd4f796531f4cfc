"""`manage.py export_report`."""

from __future__ import annotations

import subprocess
import zipfile

import pytest
from django.core.management import CommandError, call_command

from labelling.management.commands import export_report
from labelling.models import CampaignState
from labelling.services.snapshots import freeze_report
from labelling.tests.factories import make_campaign, make_pairs, make_reviewer
from labelling.tests.views.answers import grade_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    campaign = make_campaign(name="Sea & shore")
    (pair,) = make_pairs(campaign, 1)
    grade_pair(pair, make_reviewer(), "good")
    freeze_report(campaign_id=campaign.pk, lead_id=None)
    grade_pair(pair, make_reviewer(), "bad")
    return campaign


@pytest.mark.parametrize(("frozen", "grades"), [((), 2), (("--frozen=1",), 1)])
def test_a_report_is_written(campaign, tmp_path, capsys, frozen, grades):
    out = tmp_path / "report.zip"
    call_command("export_report", "sea & shore", "--format=jsonl", f"--out={out}", *frozen)
    with zipfile.ZipFile(out) as archive:
        assert len(archive.read("grades.jsonl").splitlines()) == grades
    assert f"{grades} grades" in capsys.readouterr().out


def test_the_format_without_another_is_csv(campaign, tmp_path):
    out = tmp_path / "report.zip"
    call_command("export_report", str(campaign.pk), f"--out={out}")
    assert "grades.csv" in zipfile.ZipFile(out).namelist()


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("Nowhere", (), "campaign_unknown"),
        ("Draft", (), "campaign_unknown"),
        ("Worklist", (), "worklist"),
        ("Sea & shore", ("--frozen=2",), "report_unknown"),
    ],
)
def test_unknown_reports_are_refused(campaign, tmp_path, name, arguments, code):
    make_campaign(name="Draft", state=CampaignState.DRAFT)
    make_campaign(name="Worklist", design="weakest")
    out = tmp_path / "report.zip"
    with pytest.raises(CommandError, match=code):
        call_command("export_report", name, f"--out={out}", *arguments)
    assert not out.exists()


def test_no_file_is_overwritten(campaign, tmp_path):
    out = tmp_path / "report.zip"
    out.write_text("mine")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_report", str(campaign.pk), f"--out={out}")
    assert out.read_text() == "mine"


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError("disk full"), CommandError),
        (subprocess.CalledProcessError(1, "parquet"), CommandError),
        (subprocess.TimeoutExpired("parquet", 300), CommandError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_partial_file_is_removed(campaign, tmp_path, monkeypatch, error, raised):
    def failing(*, target, **values):
        target.write(b"PK")
        raise error

    monkeypatch.setattr(export_report, "write_report_files", failing)
    out = tmp_path / "report.zip"
    with pytest.raises(raised):
        call_command("export_report", str(campaign.pk), f"--out={out}")
    assert not out.exists()
