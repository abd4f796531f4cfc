"""The page of people."""

from __future__ import annotations

import re
import smtplib

import pytest
from django.core import mail
from django.core.mail.backends import locmem
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Invitation, User
from accounts.roles import Role
from accounts.selectors.roles import held_roles
from accounts.services.invitations import accept_invitation, invite
from accounts.services.roles import set_active, set_roles
from accounts.tests.audit import logged
from accounts.tests.races import at_once
from accounts.tests.role_holders import make_person
from accounts.tests.views.conftest import logged_in

pytestmark = pytest.mark.django_db
PEOPLE = "/people/"
CYD = "cyd@example.org"


def invited(ada, email=CYD):
    return invite(email=email, roles={Role.REVIEWER}, actor_id=ada.pk)[0]


def roles_url(user):
    return reverse("accounts:person_roles", args=[user.pk])


def active_url(user):
    return reverse("accounts:person_active", args=[user.pk])


def words(answer):
    """Return the text of a page without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.content.decode()))


ACTS = [
    reverse("accounts:invite"),
    *(
        reverse(f"accounts:{name}", args=[1])
        for name in ("person_roles", "person_active", "invitation_again", "invitation_revoke")
    ),
]
ROUTES = [("get", PEOPLE), *(("post", address) for address in ACTS)]


@pytest.mark.parametrize(("method", "address"), ROUTES)
def test_only_operators_enter(client, method, address):
    answer = getattr(client, method)(address)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")
    for role in (Role.REVIEWER, Role.LEAD_REVIEWER, Role.LIBRARIAN):
        person = make_person(role.replace(" ", "-"), role)
        answer = getattr(logged_in(person), method)(address)
        assert answer.status_code == 403
        assert "You are not allowed to see it." in words(answer)
    assert User.objects.filter(is_active=True).count() == 3


@pytest.mark.parametrize("address", ACTS)
def test_acts_need_a_post(as_ada, address):
    assert as_ada.get(address).status_code == 405


def test_the_list_names_people_and_their_roles(as_ada):
    ben = make_person("ben", Role.LIBRARIAN)
    make_person("cyd", active=False)
    page = as_ada.get(PEOPLE)
    text: str = page.content.decode()
    assert page.status_code == 200
    row = text.partition(f'id="person-{ben.pk}"')[2].partition("</tr>")[0]
    assert "ben@example.org" in row
    assert re.findall(r'value="([\w ]+)" checked', row) == ["librarian"]
    assert "never" in row
    assert "Deactivated" in text.partition("cyd@example.org")[2]


@pytest.mark.parametrize(("search", "found"), [("BEN", ["ben"]), ("@example", ["ada", "ben"])])
def test_search_by_name_or_address(as_ada, search, found):
    make_person("ben")
    page = as_ada.get(PEOPLE, {"q": search})
    assert [row["person"].username for row in page.context["people"]] == found
    assert f'value="{search}"' in page.content.decode()


@pytest.mark.parametrize("search", ["zoe", "zoe\0"])
def test_a_search_without_a_result_says_so(as_ada, search):
    page = as_ada.get(PEOPLE, {"q": search})
    assert page.status_code == 200
    assert "Nobody has this in their name or address." in words(page)


def test_the_list_can_be_sorted_by_the_last_log_in(as_ada):
    make_person("aaron")
    names = [row["person"].username for row in as_ada.get(PEOPLE).context["people"]]
    assert names == ["aaron", "ada"]
    sorted_page = as_ada.get(PEOPLE, {"sort": "last-login"})
    assert [row["person"].username for row in sorted_page.context["people"]] == ["ada", "aaron"]


def test_the_list_has_pages_of_50_and_few_queries(as_ada):
    User.objects.bulk_create(User(username=f"person{number:03}") for number in range(60))
    with CaptureQueriesContext(
        connection,
    ) as few:
        first = as_ada.get(PEOPLE)
    assert len(first.context["people"]) == 50
    assert len(few) <= 8
    second = as_ada.get(PEOPLE, {"page": 2})
    assert len(second.context["people"]) == 11
    assert "Page 2 of 2" in words(second)


def test_accounts_that_are_being_erased_are_not_listed(as_ada):
    ben = make_person("ben", active=False)
    User.objects.filter(pk=ben.pk).update(erasure_requested_at=timezone.now())
    assert "ben@example.org" not in as_ada.get(PEOPLE).content.decode()
    assert as_ada.post(roles_url(ben), {"roles": ["reviewer"]}).status_code == 404


def test_roles_are_set_and_the_list_returns_where_it_was(as_ada, ada):
    ben = make_person("ben", Role.REVIEWER)
    form = {"shown": ["reviewer"], "roles": ["librarian"]}
    answer = as_ada.post(f"{roles_url(ben)}?q=ben&page=1", form, follow=True)
    assert answer.redirect_chain == [("/people/?q=ben&page=1", 302)]
    assert "The roles are changed." in words(answer)
    assert held_roles(ben) == {Role.LIBRARIAN}
    assert {actor for _, _, actor, _ in logged("role.given", "role.taken")} == {ada.pk}


def test_a_form_that_is_stale_takes_no_role(as_ada, ada):
    ben = make_person("ben", Role.REVIEWER)
    page: str = as_ada.get(PEOPLE).content.decode()
    row = page.partition(f'id="person-{ben.pk}"')[2].partition("</tr>")[0]
    shown = re.findall(r'name="shown" value="([\w ]+)"', row)
    assert shown == ["reviewer"]
    set_roles(user_id=ben.pk, roles={Role.REVIEWER, Role.LIBRARIAN}, actor_id=ada.pk)
    form = {"shown": shown, "roles": ["reviewer", "lead reviewer"]}
    answer = as_ada.post(roles_url(ben), form)
    assert answer.status_code == 409
    assert "somebody else changed the roles of ben in the meantime" in words(answer)
    assert held_roles(ben) == {Role.REVIEWER, Role.LIBRARIAN}


def test_an_unknown_role_is_refused(as_ada):
    ben = make_person("ben", Role.REVIEWER)
    answer = as_ada.post(roles_url(ben), {"roles": ["king"]})
    assert answer.status_code == 400
    assert "One of these roles does not exist." in words(answer)
    assert held_roles(ben) == {Role.REVIEWER}


def test_an_unknown_account_is_not_found(as_ada):
    assert as_ada.post(reverse("accounts:person_roles", args=[10**9])).status_code == 404
    answer = as_ada.post(reverse("accounts:person_active", args=[10**9]), {"active": "no"})
    assert answer.status_code == 404


@pytest.mark.parametrize("url", [roles_url, active_url])
def test_the_last_operator_is_told_why_nothing_changes(as_ada, ada, url):
    answer = as_ada.post(url(ada), {"active": "no", "shown": ["operator"]})
    assert answer.status_code == 409
    assert "ada is the last operator. Make somebody else an operator first." in words(answer)
    assert as_ada.get(PEOPLE).status_code == 200


def test_an_operator_who_stops_being_one_is_led_away(as_ada, ada):
    make_person("ben", Role.OPERATOR)
    answer = as_ada.post(roles_url(ada), {"shown": ["operator"]})
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert as_ada.get(PEOPLE).status_code == 403


def test_an_account_is_deactivated_and_reactivated(as_ada):
    ben = make_person("ben")
    as_ben = logged_in(ben)
    answer = as_ada.post(active_url(ben), {"active": "no"}, follow=True)
    assert "The account is deactivated." in words(answer)
    assert "_auth_user_id" in as_ben.session
    assert as_ben.get(PEOPLE).status_code == 302  # to the log-in page
    answer = as_ada.post(active_url(ben), {"active": "yes"}, follow=True)
    assert "The account is active again." in words(answer)


@pytest.mark.parametrize("given", [{}, {"active": "perhaps"}])
def test_an_account_is_not_deactivated_by_accident(as_ada, given):
    ben = make_person("ben")
    answer = as_ada.post(active_url(ben), given)
    assert answer.status_code == 400
    assert "Choose whether the account is to be active." in words(answer)
    assert User.objects.get(pk=ben.pk).is_active


def test_an_invitation_is_e_mailed(as_ada, ada):
    answer = as_ada.post(
        reverse("accounts:invite"),
        {"email": "Cyd@example.org", "roles": ["librarian"]},
        follow=True,
    )
    assert "The invitation to Cyd@example.org is sent." in words(answer)
    (message,) = mail.outbox
    assert message.to == [CYD]
    assert message.subject == "ada invites you to Soundscape"
    assert "Your roles there: Librarian." in message.body
    link = re.search(r"http://testserver(/invitations/[\w-]{32}/)\s", str(message.body))
    assert link
    assert as_ada.get(link[1])["Location"] == "/invitations/"
    assert CYD in answer.content.decode()
    assert link[1] not in answer.content.decode()


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"email": CYD}, "Choose at least one role."),
        ({"email": "cyd", "roles": ["reviewer"]}, "Enter a valid email address."),
        (
            {"email": f"cyd@{'.'.join(['x' * 60] * 4)}.example.org", "roles": ["reviewer"]},
            "at most 254 characters",
        ),
        ({"email": CYD, "roles": ["king"]}, "king is not one of the available choices."),
    ],
)
def test_an_invitation_that_cannot_be_sent_as_asked(as_ada, given, reason):
    answer = as_ada.post(reverse("accounts:invite"), given)
    assert answer.status_code == 400
    assert reason in words(answer)
    assert f'value="{given["email"]}"' in answer.content.decode()
    assert not Invitation.objects.exists()
    assert mail.outbox == []


class BrokenMail(locmem.EmailBackend):
    def send_messages(self, messages):
        raise smtplib.SMTPException("refused")


class PatientMail(locmem.EmailBackend):
    """What other connections see, and can do, while it sends."""

    stored: list[int] = []

    def send_messages(self, messages):
        def invite_meanwhile():
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            self.stored.append(Invitation.objects.count())
            invited(User.objects.get(username="ada"))

        assert at_once(invite_meanwhile) == [None]
        return super().send_messages(messages)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_a_slow_mail_server_delays_no_other_invitation(ada, settings):
    settings.EMAIL_BACKEND = f"{__name__}.PatientMail"
    PatientMail.stored.clear()
    given = {"email": CYD, "roles": ["reviewer"]}
    assert logged_in(ada).post(reverse("accounts:invite"), given).status_code == 302
    assert PatientMail.stored == [1]


def test_an_invitation_that_cannot_be_mailed_is_revoked(as_ada, ada, settings):
    first = invited(ada)
    settings.EMAIL_BACKEND = f"{__name__}.BrokenMail"
    again = reverse("accounts:invitation_again", args=[first.pk])
    for answer in (
        as_ada.post(reverse("accounts:invite"), {"email": "dan@x.org", "roles": ["reviewer"]}),
        as_ada.post(again),
    ):
        assert answer.status_code == 503
        assert "The mail server did not accept the invitation, so it is revoked." in words(answer)
    assert not Invitation.objects.filter(revoked_at=None).exists()
    assert len(logged("invitation.made")) == 3
    assert len(logged("invitation.revoked")) == 2


def test_sending_again_and_revoking(as_ada, ada):
    first = invited(ada)
    again = as_ada.post(reverse("accounts:invitation_again", args=[first.pk]), follow=True)
    assert "A new link is sent. The earlier one no longer works." in words(again)
    assert len(mail.outbox) == 1
    second = Invitation.objects.get(revoked_at=None)
    assert second != first
    gone = as_ada.post(reverse("accounts:invitation_revoke", args=[second.pk]), follow=True)
    assert "The invitation is revoked" in words(gone)
    assert "Open invitations" not in words(gone)


@pytest.mark.parametrize("route", ["invitation_again", "invitation_revoke"])
def test_an_invitation_that_is_closed_meanwhile(as_ada, ada, route):
    replaced, used = invited(ada), invited(ada)
    accept_invitation(invitation_id=used.pk, user_id=ada.pk)
    for invitation, reason in (
        (used, "the invitation was accepted in the meantime"),
        (replaced, "the invitation was already revoked or replaced"),
    ):
        answer = as_ada.post(reverse(f"accounts:{route}", args=[invitation.pk]))
        assert answer.status_code == 409
        assert reason in words(answer)
    assert as_ada.post(reverse(f"accounts:{route}", args=[10**9])).status_code == 404
    assert mail.outbox == []


def test_a_deactivated_operator_is_out_at_once(as_ada, ada):
    ben = make_person("ben", Role.OPERATOR)
    set_active(user_id=ada.pk, active=False, actor_id=ben.pk)
    assert as_ada.get(PEOPLE)["Location"].startswith("/accounts/login/")
