"""Pages and files of frozen reports."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import Role
from accounts.tests.role_holders import make_person
from labelling.models import CampaignState, FrozenReport, PairState
from labelling.reporting.row_lines import thawed
from labelling.services.campaigns import close
from labelling.services.snapshots import freeze_report
from labelling.tests.factories import make_campaign, make_pairs, make_reviewer
from labelling.tests.views.answers import grade_pair

pytestmark = pytest.mark.django_db


@pytest.fixture
def campaign():
    """A campaign in which one pair is bad, so that it is listed among the worst."""
    campaign = make_campaign(name="Sea & shore")
    for pair, grade in zip(make_pairs(campaign, 3), ("bad", "good", "good"), strict=True):
        for grader in (make_reviewer(), make_reviewer()):
            grade_pair(pair, grader, grade)
        pair.state = PairState.SETTLED
        pair.save()
    return campaign


@pytest.fixture
def frozen(campaign, lead):
    return freeze_report(campaign_id=campaign.pk, lead_id=lead.pk)


def page_of(frozen):
    return reverse("labelling:frozen_report", args=[frozen.pk])


def browser_of(*roles):
    client = Client()
    client.force_login(make_person("other", *roles))
    return client


def shown(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_lead_freezes_the_report_and_comes_to_its_page(browser, campaign):
    answer = browser.post(reverse("labelling:report_freeze", args=[campaign.pk]))
    frozen = FrozenReport.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, page_of(frozen))
    page = shown(browser, page_of(frozen))
    assert "Report 1 on Sea &amp; shore" in page
    assert "it stays as it was" in page


def test_a_draft_is_not_frozen(browser):
    draft = make_campaign(state=CampaignState.DRAFT)
    answer = browser.post(reverse("labelling:report_freeze", args=[draft.pk]))
    assert answer["Location"] == reverse("labelling:campaign", args=[draft.pk])
    assert not FrozenReport.objects.exists()


def test_the_page_says_how_to_cite_it_and_what_made_it(browser, frozen):
    page = shown(browser, page_of(frozen))
    citation = page.split("data-citation>")[1].split("</p>")[0]
    for part in ("Sea &amp; shore", "report 1", "testserver", frozen.digest[:12],
                 f"http://testserver{page_of(frozen)}"):  # fmt: skip
        assert part in citation
    sorted_page = browser.get(page_of(frozen), {"sort": "-good"})
    assert sorted_page.context["link"] == f"http://testserver{page_of(frozen)}"
    for part in (frozen.digest, frozen.code_version, "eye@1 · ear@1", "numpy", "Matcher fused"):
        assert part in page


def test_the_page_stays_when_grades_and_the_campaign_change(browser, campaign, frozen):
    before = browser.get(page_of(frozen)).context["report"]
    grade_pair(campaign.pairs.earliest("position"), make_reviewer(), "decent")
    campaign.name = "Another name"
    campaign.save()
    answer = browser.get(page_of(frozen))
    assert answer.context["report"] == before
    assert "Report 1 on Sea &amp; shore" in answer.content.decode()


def test_a_photo_that_was_withdrawn_since_is_not_shown(browser, campaign, frozen):
    pair = campaign.pairs.earliest("position")
    photo = reverse("retrieval:scene_photo", args=[pair.scene_id])
    assert photo in shown(browser, page_of(frozen))
    pair.scene.judging_allowed = False
    pair.scene.save()
    page = shown(browser, page_of(frozen))
    assert photo not in page
    assert "The photo was withdrawn." in page


def test_others_see_it_when_the_campaign_is_closed(campaign, frozen, lead):
    reviewer = browser_of(Role.REVIEWER)
    assert reviewer.get(page_of(frozen)).status_code == 404
    close(campaign_id=campaign.pk, lead_id=lead.pk)
    page = shown(reviewer, page_of(frozen))
    assert "How to cite it" in page
    assert frozen.digest in page


def test_others_see_no_grader_no_photo_and_no_file(browser, campaign, frozen, lead):
    close(campaign_id=campaign.pk, lead_id=lead.pk)
    hidden = [
        *(grader.pseudonym for grader in thawed(bytes(frozen.data)).graders),
        *(
            reverse("retrieval:scene_photo", args=[one.scene_id])
            for one in campaign.pairs.all()[:1]
        ),
        reverse("labelling:frozen_data", args=[frozen.pk]),
        reverse("labelling:frozen_report_file", args=[frozen.pk, "csv"]),
        reverse("labelling:campaigns"),
    ]
    theirs, mine = shown(browser_of(), page_of(frozen)), shown(browser, page_of(frozen))
    assert [one for one in hidden if one not in mine] == []
    assert [one for one in hidden if one in theirs] == []


def test_visitors_log_in_first(client, frozen):
    answer = client.get(page_of(frozen))
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


def test_the_data_are_sent_as_they_are_cited(browser, frozen):
    answer = browser.get(reverse("labelling:frozen_data", args=[frozen.pk]))
    content = b"".join(answer.streaming_content)
    assert hashlib.sha256(content).hexdigest() == frozen.digest
    assert "attachment" in answer["Content-Disposition"]


def archive_of(answer):
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_files_of_now_and_of_a_frozen_report(browser, campaign, frozen, kind):
    grade_pair(campaign.pairs.earliest("position"), make_reviewer(), "decent")
    now = browser.get(reverse("labelling:report_file", args=[campaign.pk, kind]))
    then = browser.get(reverse("labelling:frozen_report_file", args=[frozen.pk, kind]))
    assert f"campaign-{campaign.pk}-report-{kind}.zip" in now["Content-Disposition"]
    assert f"campaign-{campaign.pk}-report-1-{kind}.zip" in then["Content-Disposition"]
    now, then = archive_of(now), archive_of(then)
    assert now.namelist() == then.namelist() == [
        f"pairs.{kind}", f"grades.{kind}", f"aggregates.{kind}", "dictionary.csv", "versions.json"
    ]  # fmt: skip
    about = json.loads(then.read("versions.json"))
    assert about["frozen_report"]["digest"] == frozen.digest
    assert about["code_version"] == frozen.code_version
    assert (about["matchers"], about["libraries"]) == (
        frozen.versions["matchers"], frozen.versions["libraries"]
    )  # fmt: skip
    assert json.loads(now.read("versions.json"))["frozen_report"] is None
    if kind == "jsonl":
        assert len(now.read("grades.jsonl").splitlines()) == 7
        assert len(then.read("grades.jsonl").splitlines()) == 6


def test_there_are_no_other_files(browser, campaign, frozen):
    draft = make_campaign(state=CampaignState.DRAFT)
    for route, key, kind in (
        ("report_file", campaign.pk, "xlsx"),
        ("report_file", draft.pk, "csv"),
        ("report_file", make_campaign(design="weakest").pk, "csv"),
        ("report_file", 0, "csv"),
        ("frozen_report_file", frozen.pk, "xlsx"),
        ("frozen_report_file", 0, "csv"),
    ):
        assert browser.get(reverse(f"labelling:{route}", args=[key, kind])).status_code == 404
    assert browser.get(reverse("labelling:frozen_data", args=[0])).status_code == 404


def test_the_live_report_says_what_has_changed(browser, campaign, frozen, lead):
    address = reverse("labelling:report", args=[campaign.pk])
    page = shown(browser, address)
    assert "No grade, decision or pair has changed since report 1." in page
    assert page_of(frozen) in page
    first, second, _ = campaign.pairs.order_by("position")
    grade_pair(second, make_reviewer(), "decent")
    second.adjudications.create(lead=lead, grade="decent", reason="Faint.")
    first.scene.delete()
    page = shown(browser, address)
    for words in ("Since report 1:", "1 grade came", "2 grades no longer count",
                  "decision on 1 pair", "1 pair was withdrawn"):  # fmt: skip
        assert words in page


def test_the_live_report_offers_to_freeze_it(browser, campaign):
    page = shown(browser, reverse("labelling:report", args=[campaign.pk]))
    assert "Freeze the report before you quote it" in page
    assert reverse("labelling:report_freeze", args=[campaign.pk]) in page
    assert reverse("labelling:report_file", args=[campaign.pk, "parquet"]) in page
