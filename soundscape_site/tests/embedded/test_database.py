"""Roles, database and extension of a real embedded cluster."""

import pytest
from psycopg2 import errors

from soundscape_site.embedded.database import APP_ROLE, DATABASE, OWNER_ROLE
from soundscape_site.tests.embedded.installation import leave

pytestmark = pytest.mark.services


@pytest.fixture
def running(installation):
    command = installation.command()
    yield installation
    leave(command)


def test_the_rights_of_the_two_roles(running):
    """One test, since each needs a cluster of its own."""
    create = "CREATE TABLE things (number integer)"
    with pytest.raises(errors.InsufficientPrivilege, match="schema public"):
        running.execute(create, user=APP_ROLE)
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
        running.execute("CREATE SCHEMA mine", user=APP_ROLE)
    running.execute(create, user=OWNER_ROLE)
    with pytest.raises(errors.InsufficientPrivilege, match="table things"):
        running.execute("SELECT * FROM things", user=APP_ROLE)
    rights = running.execute(
        "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole FROM pg_roles "
        "WHERE rolname LIKE 'soundscape%' ORDER BY rolname"
    )
    assert rights == [(APP_ROLE, False, False, False), (OWNER_ROLE, False, True, False)]


def test_a_database_that_the_owner_creates_has_the_vector_extension(running):
    running.execute("CREATE DATABASE test_soundscape", user=OWNER_ROLE, database="postgres")
    for database in (DATABASE, "test_soundscape"):
        distance = "SELECT '[1,2]'::vector <#> '[3,4]'::vector"
        assert running.execute(distance, user=OWNER_ROLE, database=database) == [(-11.0,)]
        # What Django's migration operation does; the extension cannot be made by this role.
        running.execute("CREATE EXTENSION IF NOT EXISTS vector", database=database)


def test_the_cluster_is_durable_private_and_uses_unicode(running):
    settings = ("fsync", "data_checksums", "listen_addresses", "server_encoding")
    values = [running.execute(f"SHOW {name}") for name in settings]
    assert values == [[("on",)], [("on",)], [("",)], [("UTF8",)]]
    assert running.execute("SELECT upper('éß'), 'Ärger' ILIKE 'ärger'") == [("Éß", True)]


def test_missing_roles_and_extensions_are_created_at_the_next_start(installation):
    command = installation.command()
    installation.execute("DROP EXTENSION vector", user="postgres")
    installation.execute(f"DROP ROLE {APP_ROLE}", user="postgres")
    with pytest.raises(errors.UndefinedObject, match="vector"):
        installation.execute("SELECT '[1]'::vector")
    leave(command)
    command = installation.command()
    assert installation.execute("SELECT '[1]'::vector::text", user=APP_ROLE) == [("[1]",)]
    leave(command)
