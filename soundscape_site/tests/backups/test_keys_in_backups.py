"""Nothing in a backup's tables opens the API."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import pytest
from django.db import connection

from accounts.scopes import Scope
from accounts.selectors.api_keys import key_of_secret
from accounts.services.api_keys import make_key, note_use, rotate_key
from accounts.services.idempotency import begin, finish
from accounts.tests.role_holders import make_person
from soundscape_site.backups.layout import table_path
from soundscape_site.backups.tables import copy_out, tables_in_order

pytestmark = pytest.mark.django_db


def dumped(folder):
    """Copy all tables as a backup does, and return their text."""
    with connection.cursor() as cursor:
        tables = tables_in_order(cursor)
        for table, columns in tables.items():
            path = table_path(folder, table)
            path.parent.mkdir(parents=True, exist_ok=True)
            copy_out(cursor, table, columns, folder)
    assert {"accounts_apikey", "accounts_idempotentrequest"} <= set(tables)
    return "\n".join(
        gzip.decompress(table_path(folder, table).read_bytes()).decode() for table in tables
    )


def test_a_dump_holds_no_usable_key(tmp_path):
    ben = make_person("ben")
    key, first = make_key(user_id=ben.pk, name="a", scopes=Scope, valid_for=timedelta(days=9))
    note_use(key=key)
    known = begin(api_key_id=key.pk, idempotency_key="k", fingerprint="f")
    finish(request=known, status=201, headers={}, body={"id": 1})
    key, second = rotate_key(key_id=key.pk, actor_id=ben.pk, at_once=False)
    assert key_of_secret(first) == key_of_secret(second) == key

    text = dumped(tmp_path)
    assert key.digest in text
    assert key.previous_digest in text
    for secret in (first, second):
        assert secret not in text
        assert secret.removeprefix("snd_") not in text
        assert secret[15:27] not in text
    cells = set(re.split(r"[\t\n]", text)) | set(re.findall(r"\w+", text))
    tried = {found for cell in cells for found in (cell, f"snd_{cell}", f"snd_{cell[:64]}")}
    assert key.digest in tried
    assert [found for found in tried if key_of_secret(found)] == []
