"""The pages of second factors, their audit entries, and what wrong codes get."""

from __future__ import annotations

import html
import re

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import AuditEntry
from accounts.tests.authenticator_app import code_of
from accounts.tests.factories import KEY, give_app, make_person
from accounts.tests.people import PASSWORD, log_in

pytestmark = pytest.mark.django_db(transaction=True, serialized_rollback=True)

AUTHENTICATE = "/accounts/2fa/authenticate/"
REAUTHENTICATE = "/accounts/2fa/reauthenticate/"
TOTP = "/accounts/2fa/totp/"
CODES = "/accounts/2fa/recovery-codes/"


@pytest.fixture
def ada():
    return make_person("ada")


@pytest.fixture
def at_ease(client, ada):
    """Ada, logged in and confirmed by the password."""
    log_in(client, ada.username)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def audited():
    return [
        (entry.action, entry.subject, entry.actor_id, entry.detail)
        for entry in AuditEntry.objects.filter(action__startswith="second_factor").order_by("at")
    ]


def set_up_app(client):
    page = client.get(f"{TOTP}activate/").content.decode()
    (key,) = re.findall(r"data-key>(\w+)<", page)
    return page, client.post(f"{TOTP}activate/", {"code": code_of(key)})


def test_codes_are_those_of_the_standard():
    # RFC 6238, appendix B, cut to six digits
    assert code_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at=59) == "287082"
    assert code_of("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at=1_111_111_109) == "081804"


def test_an_app_is_set_up_with_recovery_codes(at_ease, ada):
    page, answer = set_up_app(at_ease)
    assert 'src="data:image/svg+xml;base64,' in page
    assert answer["Location"] == CODES
    page = at_ease.get(CODES).content.decode()
    codes = re.findall(r"<li><code>(\d{8})</code></li>", page)
    assert len(codes) == 10
    download = at_ease.get(f"{CODES}download/")
    assert download["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert download.content.decode().split() == codes
    assert audited() == [
        ("second_factor.added", f"user {ada.pk}", ada.pk, {"type": "totp"}),
        ("second_factor.added", f"user {ada.pk}", ada.pk, {"type": "recovery_codes"}),
    ]


def test_each_change_is_told_on_the_page_and_by_email(at_ease):
    set_up_app(at_ease)
    told = [at_ease.get(CODES)]
    told.append(at_ease.post(f"{CODES}generate/", follow=True))
    told.append(at_ease.post(f"{TOTP}deactivate/", follow=True))
    said = ("app is set up", "Here are new recovery codes", "app is removed")
    for answer, words in zip(told, said, strict=True):
        assert words in answer.content.decode()
    assert [message.subject for message in mail.outbox] == [
        "An authenticator app was set up",
        "New recovery codes were made",
        "Your authenticator app was removed",
    ]


def test_a_wrong_code_turns_no_app_on(at_ease):
    at_ease.get(f"{TOTP}activate/")
    answer = at_ease.post(f"{TOTP}activate/", {"code": "000000"})
    assert answer.status_code == 200
    page = answer.content.decode()
    assert "was not accepted" in page
    assert 'aria-invalid="true"' in page
    assert not Authenticator.objects.exists()


def test_removing_the_last_factor_removes_the_recovery_codes(at_ease, ada):
    set_up_app(at_ease)
    assert "Remove the authenticator app?" in at_ease.get(f"{TOTP}deactivate/").content.decode()
    assert at_ease.post(f"{TOTP}deactivate/")["Location"] == "/accounts/2fa/"
    assert not Authenticator.objects.exists()
    assert [entry[0] for entry in audited()[2:]] == ["second_factor.removed"] * 2


def test_new_recovery_codes_replace_the_old_ones(at_ease, ada):
    set_up_app(at_ease)
    old = at_ease.get(f"{CODES}download/").content
    assert "The 10 old codes stop working" in at_ease.get(f"{CODES}generate/").content.decode()
    at_ease.post(f"{CODES}generate/")
    assert at_ease.get(f"{CODES}download/").content != old
    added = ("second_factor.added", f"user {ada.pk}", ada.pk, {"type": "recovery_codes"})
    assert audited()[2:] == [added]


def test_log_in_needs_the_code(client, ada):
    give_app(ada)
    log_in(client, ada.username)
    assert client.post(AUTHENTICATE, {"code": "000000"}).status_code == 200
    assert "_auth_user_id" not in client.session
    client.post(AUTHENTICATE, {"code": code_of(KEY)})
    assert client.session["_auth_user_id"] == str(ada.pk)
    detail = {"type": "totp", "purpose": "log-in"}
    assert audited() == [
        ("second_factor.failed", f"user {ada.pk}", None, detail),
        ("second_factor.used", f"user {ada.pk}", ada.pk, detail | {"passwordless": False}),
    ]


def test_a_code_works_once(client, ada):
    give_app(ada)
    log_in(client, ada.username)
    code = code_of(KEY)
    client.post(AUTHENTICATE, {"code": code})
    thief = Client()
    log_in(thief, ada.username)
    assert thief.post(AUTHENTICATE, {"code": code}).status_code == 200
    assert "_auth_user_id" not in thief.session


def test_a_recovery_code_works_once(at_ease, ada):
    set_up_app(at_ease)
    code = at_ease.get(f"{CODES}download/").content.decode().split()[0]
    opened = []
    for _ in range(2):
        visitor = Client()
        log_in(visitor, ada.username)
        visitor.post(AUTHENTICATE, {"code": code})
        opened.append("_auth_user_id" in visitor.session)
    assert opened == [True, False]
    page = at_ease.get("/accounts/2fa/").content.decode()
    assert "9 codes are left" in page


def test_changes_ask_again_who_it_is(client, ada):
    give_app(ada)
    client.force_login(ada)
    answer = client.get(f"{TOTP}deactivate/")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    page = client.get(f"{REAUTHENTICATE}?next=/accounts/2fa/totp/deactivate/").content.decode()
    assert "Is it you?" in page
    answer = client.post(REAUTHENTICATE, {"code": code_of(KEY), "next": f"{TOTP}deactivate/"})
    assert answer["Location"] == f"{TOTP}deactivate/"
    assert client.get(f"{TOTP}deactivate/").status_code == 200
    assert audited()[-1][3] == {"type": "totp", "purpose": "confirmation", "passwordless": False}


def test_the_command_removes_lost_factors(at_ease, ada, capsys):
    set_up_app(at_ease)
    call_command("remove_second_factor", "ada")
    assert not Authenticator.objects.exists()
    removed = {"removed": ["totp", "recovery_codes"]}
    assert audited()[-1] == ("second_factor.lost", f"user {ada.pk}", None, removed)
    visitor = Client()
    log_in(visitor, ada.username)
    assert "_auth_user_id" in visitor.session


@pytest.mark.parametrize(("name", "code"), [("bob", "account_unknown"), ("ada", "nothing_to")])
def test_the_command_says_what_is_wrong(ada, name, code):
    with pytest.raises(CommandError, match=code):
        call_command("remove_second_factor", name)
    assert audited() == []


def test_foreign_passkeys_do_not_exist(at_ease):
    other = make_person("bob")
    passkey = Authenticator.objects.create(
        user=other, type=Authenticator.Type.WEBAUTHN, data={"name": "phone"}
    )
    for act in ("edit", "remove"):
        address = f"/accounts/2fa/webauthn/keys/{passkey.pk}/{act}/"
        assert at_ease.get(address).status_code == 404
        assert at_ease.post(address, {"name": "mine"}).status_code == 404


def test_options_of_passkeys_are_data_in_the_page(at_ease):
    page = html.unescape(at_ease.get("/accounts/2fa/webauthn/add/").content.decode())
    assert '<script id="passkey-data" type="application/json">{"creation_options"' in page
    assert '"name": "Soundscape"' in page
    assert 'value="Passkey 1"' in page


def test_an_untrue_passkey_is_refused(client):
    for credential in ("", "{}", "nonsense", '{"id": 1}', "[]", "null"):
        answer = client.post("/accounts/2fa/webauthn/login/", {"credential": credential})
        assert answer.status_code == 302, credential
        assert answer["Location"] == "/accounts/login/"
    assert "_auth_user_id" not in client.session


def test_too_many_wrong_codes_get_429(client, ada):
    give_app(ada)
    log_in(client, ada.username)
    answers = [client.post(AUTHENTICATE, {"code": f"{wrong:06}"}) for wrong in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1]["Retry-After"] == "900"
    assert "Too many wrong codes" in answers[-1].content.decode()
    assert client.post(AUTHENTICATE, {"code": code_of(KEY)}).status_code == 429


def test_too_many_wrong_codes_of_a_new_app_get_429(at_ease):
    at_ease.get(f"{TOTP}activate/")
    statuses = [at_ease.post(f"{TOTP}activate/", {"code": "0"}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_too_many_confirmations_get_429(client, ada):
    give_app(ada)
    client.force_login(ada)
    statuses = [client.post(REAUTHENTICATE, {"code": "0"}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]


def test_the_first_factor_ends_the_other_sessions(at_ease, ada):
    thief = Client()
    log_in(thief, ada.username)
    set_up_app(at_ease)
    assert at_ease.get("/accounts/2fa/").status_code == 200
    assert thief.get("/accounts/2fa/").status_code == 302
    ended = AuditEntry.objects.get(action="session.ended")
    assert (ended.subject, ended.actor_id) == (f"user {ada.pk}", ada.pk)


def test_new_recovery_codes_end_no_session(at_ease, ada):
    set_up_app(at_ease)
    elsewhere = Client()
    elsewhere.force_login(ada)
    at_ease.post(f"{CODES}generate/")
    assert elsewhere.get("/accounts/2fa/").status_code == 200


def test_wrong_codes_elsewhere_lock_nobody_out(client, ada):
    give_app(ada)
    thief = Client(REMOTE_ADDR="203.0.113.9")
    log_in(thief, ada.username)
    statuses = [thief.post(AUTHENTICATE, {"code": "0"}).status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    log_in(client, ada.username)
    client.post(AUTHENTICATE, {"code": code_of(KEY)})
    assert client.session["_auth_user_id"] == str(ada.pk)


def test_right_codes_are_not_counted(at_ease, ada):
    set_up_app(at_ease)
    for code in at_ease.get(f"{CODES}download/").content.decode().split()[:7]:
        at_ease.post(REAUTHENTICATE, {"code": code})
    used = [entry for entry in audited() if entry[0] == "second_factor.used"]
    assert len(used) == 7


@pytest.mark.parametrize("passkey", ['{"id": 1}', "[1]", '{"rawId": "AA", "response": {}}'])
def test_wrong_passkeys_are_recorded(client, ada, passkey):
    Client().post("/accounts/2fa/webauthn/login/", {"credential": '{"id": 1}'})
    give_app(ada)
    log_in(client, ada.username)
    assert client.post(AUTHENTICATE, {"credential": passkey}).status_code == 200
    Authenticator.objects.create(user=ada, type=Authenticator.Type.WEBAUTHN, data={"name": "phone"})
    client.force_login(ada)
    client.post("/accounts/2fa/webauthn/reauthenticate/", {"credential": passkey})
    detail = {"type": "webauthn", "purpose": "log-in"}
    assert audited() == [
        ("second_factor.failed", "unknown account", None, detail),
        ("second_factor.failed", f"user {ada.pk}", None, detail),
        ("second_factor.failed", f"user {ada.pk}", ada.pk, detail | {"purpose": "confirmation"}),
    ]


def test_too_many_wrong_passkeys_get_429(client, ada):
    give_app(ada)
    log_in(client, ada.username)
    answers = [client.post(AUTHENTICATE, {"credential": '{"id": 1}'}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert len(audited()) == 5


@pytest.mark.parametrize(
    "credential",
    ["[" * 5_000, "[" * 100_000, "9" * 5_000, f'"{"x" * 40_000}"'],
    ids=["deep", "deep and long", "number", "long"],
)
def test_what_cannot_be_read_is_no_passkey(client, at_ease, credential):
    form = {"credential": credential}
    answer = Client().post("/accounts/2fa/webauthn/login/", form, follow=True)
    assert "was not accepted" in answer.content.decode()
    answer = at_ease.post("/accounts/2fa/webauthn/add/", form)
    assert answer.status_code == 200
    assert "was not accepted" in answer.content.decode()


@pytest.mark.parametrize("act", ["delete", "lose"])
def test_what_is_gone_between_password_and_code(client, ada, act):
    app = give_app(ada)
    log_in(client, ada.username)
    (ada if act == "delete" else app).delete()
    for method in (client.get, client.post):
        answer = method(AUTHENTICATE, {"code": "000000"}, follow=True)
        assert answer.request["PATH_INFO"] == "/accounts/login/"
        assert answer.status_code == 200


def test_an_account_closed_between_password_and_code(client, ada):
    give_app(ada)
    log_in(client, ada.username)
    ada.is_active = False
    ada.save()
    answer = client.post(AUTHENTICATE, {"code": code_of(KEY)}, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/inactive/"
    assert "_auth_user_id" not in client.session


def test_the_command_takes_a_name_in_any_case(ada):
    give_app(ada)
    call_command("remove_second_factor", "Ada")
    assert not Authenticator.objects.exists()
