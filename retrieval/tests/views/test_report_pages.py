"""Reporting a photo, and the operators' page."""

from __future__ import annotations

import pytest
from django.test import Client

from retrieval.models import DeletedScene, Scene, SceneReport, Visibility
from retrieval.quotas import reports as quota
from retrieval.services.deletion import delete_scene
from retrieval.services.moderation import report_scene
from retrieval.tests.views.visitors import ACCOUNT, ANONYMOUS, BROWSER, OPERATOR, OTHER
from retrieval.views import reports

pytestmark = pytest.mark.django_db

THANKS = "Thank you. An operator of this site will look at the photo."


def report(browser, scene, **fields):
    return browser.post(f"/scenes/{scene.pk}/report/", {"reason": "person"} | fields)


def decide(browser, scene, decision, **fields):
    return browser.post(f"/reports/{scene.pk}/", {"decision": decision} | fields, follow=True)


def words(answer):
    return answer.content.decode()


def test_anybody_reports_a_photo_and_is_thanked_again_for_the_same(upload, visitor):
    scene = upload(BROWSER)
    stranger = visitor(ANONYMOUS)
    assert "What is wrong with it?" in words(stranger.get(f"/scenes/{scene.pk}/report/"))
    for said in ("My face <3", "again"):
        answer = report(stranger, scene, words=said)
        assert (answer.status_code, answer["Location"]) == (303, f"/scenes/{scene.pk}/")
        assert THANKS in words(stranger.get(answer["Location"]))
    assert SceneReport.objects.get().words == "My face <3"


def test_a_report_is_kept_under_the_account_or_the_address(upload, visitor, people):
    scene = upload(BROWSER)
    for who in (OTHER, ANONYMOUS, ANONYMOUS):  # both anonymous visitors have one address
        report(visitor(who), scene)
    first, second = SceneReport.objects.order_by("pk").values_list("reporter_key", flat=True)
    assert first == f"user:{people[OTHER].pk:x}"
    assert second.startswith("address:")
    assert "127.0.0.1" not in second


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"reason": "spite"}, {"words": "x" * 1001}])
def test_a_wrong_report_is_explained(upload, visitor, wrong):
    scene = upload(BROWSER)
    answer = report(visitor(ANONYMOUS), scene, **wrong)
    assert answer.status_code == 422
    assert "field__error" in words(answer)
    assert not SceneReport.objects.exists()


def test_too_many_reports_are_refused_with_a_time_to_come_back(upload, visitor, monkeypatch):
    monkeypatch.setattr(quota, "REPORTS_AN_HOUR", 2)
    scenes = [upload(BROWSER, number) for number in range(3)]
    stranger = visitor(ANONYMOUS)
    assert [report(stranger, scene).status_code for scene in scenes] == [303, 303, 429]
    answer = report(stranger, scenes[2], words="Please")
    assert 3590 < int(answer["Retry-After"]) <= 3601
    assert "Try again in 60 minutes" in words(answer)
    assert "Please</textarea>" in words(answer)
    forged = {"X-Forwarded-For": "203.0.113.9"}
    address = f"/scenes/{scenes[2].pk}/report/"
    assert stranger.post(address, {"reason": "other"}, headers=forged).status_code == 429
    assert report(visitor(OTHER), scenes[2]).status_code == 303


def test_a_photo_deleted_while_it_is_reported_answers_410(upload, visitor, monkeypatch):
    scene = upload(BROWSER)

    def too_late(**fields):
        delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
        report_scene(**fields)

    monkeypatch.setattr(reports, "report_scene", too_late)
    assert report(visitor(ANONYMOUS), scene).status_code == 410


def test_visitors_log_in_before_they_decide(upload, visitor):
    scene = upload(ACCOUNT)
    for answer in (
        visitor(ANONYMOUS).get("/reports/"),
        visitor(ANONYMOUS).post(f"/reports/{scene.pk}/", {"decision": "hide", "reason": "no"}),
    ):
        assert answer["Location"].startswith("/accounts/login/?next=/reports/")
    scene.refresh_from_db()
    assert scene.hidden_at is None


@pytest.mark.parametrize("who", [ACCOUNT, OTHER])
def test_the_page_of_reports_is_for_operators(upload, visitor, who):
    scene = upload(ACCOUNT)
    report(visitor(ANONYMOUS), scene)
    browser = visitor(who)
    assert browser.get("/reports/").status_code == 403
    assert "This page is not open to you" in words(browser.get("/reports/"))
    assert decide(browser, scene, "hide", reason="no").status_code == 403
    scene.refresh_from_db()
    assert scene.hidden_at is None


def test_an_operator_hides_a_photo_its_owner_reads_why_and_it_is_restored(upload, visitor):
    scene = upload(BROWSER, title="The pier", visibility=Visibility.PUBLIC)
    operator, owner, stranger = (visitor(who, scene) for who in (OPERATOR, BROWSER, ANONYMOUS))
    address = f"/scenes/{scene.pk}/"
    assert "No reports are waiting" in words(operator.get("/reports/"))
    report(stranger, scene, words="My face")
    page = words(operator.get("/reports/"))
    assert "The pier" in page
    assert "It shows a person who does not want that</strong>: My face" in page

    assert "The photo is hidden." in words(decide(operator, scene, "hide", reason="A face"))
    assert stranger.get(address).status_code == 404
    assert "A face" in words(owner.get(address))
    assert "A face" in words(operator.get(address))
    assert str(scene.pk) not in words(stranger.get("/photos/"))
    assert "No photo is hidden." not in words(operator.get("/reports/"))

    assert "can be seen again" in words(decide(operator, scene, "restore"))
    assert stranger.get(address).status_code == 200
    assert str(scene.pk) in words(stranger.get("/photos/"))
    assert "No photo is hidden." in words(operator.get("/reports/"))


def test_a_photo_is_kept_and_a_second_decision_says_that_it_came_too_late(upload, visitor):
    scene = upload(BROWSER)
    operator = visitor(OPERATOR)
    report(visitor(ANONYMOUS), scene)
    assert "The photo stays." in words(decide(operator, scene, "keep"))
    for decision in ("keep", "hide", "restore"):
        answer = decide(operator, scene, decision, reason="late")
        assert "Somebody else has decided this meanwhile." in words(answer)
    scene.refresh_from_db()
    assert scene.hidden_at is None


def test_hiding_needs_a_reason(upload, visitor):
    scene = upload(BROWSER)
    report(visitor(ANONYMOUS), scene)
    for reason in ("", "   "):
        answer = decide(visitor(OPERATOR), scene, "hide", reason=reason)
        assert "Say why: the owner of the photo reads it." in words(answer)
    assert SceneReport.objects.get().decision == SceneReport.Decision.OPEN


def test_a_deleted_photo_cannot_be_decided(upload, visitor):
    scene = upload(BROWSER)
    delete_scene(scene_id=scene.pk, reason=DeletedScene.Reason.VISITOR)
    for decision in ("keep", "hide", "restore"):
        assert decide(visitor(OPERATOR), scene, decision, reason="late").status_code == 410


def test_a_hidden_photo_that_becomes_private_is_listed_without_its_picture(upload, visitor):
    scene = upload(BROWSER)
    operator = visitor(OPERATOR)
    report(visitor(ANONYMOUS), scene)
    decide(operator, scene, "hide", reason="A face")
    Scene.objects.filter(pk=scene.pk).update(visibility=Visibility.PRIVATE)
    page = words(operator.get("/reports/"))
    assert "Its owner has made it private." in page
    assert f"/scenes/{scene.pk}/" not in page


def test_decisions_need_a_csrf_token(upload, visitor):
    scene = upload(BROWSER)
    operator = Client(enforce_csrf_checks=True)
    operator.cookies = visitor(OPERATOR).cookies
    assert decide(operator, scene, "hide", reason="no").status_code == 403
