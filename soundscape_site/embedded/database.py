"""What has to be in the embedded cluster: two roles, one database, the extension `vector`."""

import contextlib
import logging
from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from soundscape_site.embedded.locations import POSTGRES_PORT, Locations
from soundscape_site.supervising.supervisor import SupervisionError

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
OWNER_ROLE = "soundscape_owner"  # owns the database, migrates, makes the databases of tests
APP_ROLE = "soundscape_app"  # what the program works as: no DDL
DATABASE = "soundscape"

_ROLES = {OWNER_ROLE: "LOGIN CREATEDB", APP_ROLE: "LOGIN"}
_CONNECT_WITHIN_S = 3


def is_ready(locations: Locations) -> bool:
    """Say whether PostgreSQL accepts connections; what has to be in it is there then.

    Raises
    ------
    SupervisionError
        When roles, database or extension cannot be made.
    """
    try:
        _ensure_contents(locations)
    except psycopg2.OperationalError as error:  # still starting: the supervisor asks again
        logger.debug("PostgreSQL is not ready: %s", error)
        return False
    except psycopg2.Error as error:
        message = f"The database cannot be set up: {error}"
        raise SupervisionError(message) from error
    return True


def _ensure_contents(locations: Locations) -> None:
    """Make what is missing; every statement may have been carried out before."""
    with _cursor(locations, "template1") as cursor:
        _ensure_vector(cursor)  # new databases are copies of this one, those of tests among them
    with _cursor(locations, SUPERUSER) as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        present = {name for (name,) in cursor.fetchall()}
        for role, options in _ROLES.items():
            if role not in present:
                cursor.execute(f"CREATE ROLE {role} {options}")
        cursor.execute(f"GRANT {APP_ROLE} TO {OWNER_ROLE}")  # so that tests can act as either
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
    with _cursor(locations, DATABASE) as cursor:
        _ensure_vector(cursor)


def _ensure_vector(cursor: "psycopg2.extensions.cursor") -> None:
    """Install the extension, or bring it to the version of the installed files."""
    cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
    cursor.execute("ALTER EXTENSION vector UPDATE")


@contextlib.contextmanager
def _cursor(locations: Locations, database: str) -> Iterator["psycopg2.extensions.cursor"]:
    connection: Connection = psycopg2.connect(
        host=str(locations.postgres_socket_directory),
        port=POSTGRES_PORT,
        user=SUPERUSER,
        dbname=database,
        connect_timeout=_CONNECT_WITHIN_S,
    )
    connection.autocommit = True  # databases are not made in transactions
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor
