"""Set up the embedded cluster: two roles, one database, the extension `vector`."""

import contextlib
import logging
from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from soundscape_site.embedded.locations import POSTGRES_PORT, Locations
from soundscape_site.supervising.supervisor import SupervisionError

logger = logging.getLogger(__name__)

SUPERUSER = "postgres"
OWNER_ROLE = "soundscape_owner"  # owns the database, runs migrations, creates test databases
APP_ROLE = "soundscape_app"  # the program's role: no DDL
DATABASE = "soundscape"

_ROLES = {OWNER_ROLE: "LOGIN CREATEDB", APP_ROLE: "LOGIN"}
_CONNECT_WITHIN_S = 3


def is_ready(locations: Locations) -> bool:
    """Return whether PostgreSQL accepts connections; if so, create what is missing in it.

    Raises
    ------
    SupervisionError
        If roles, database or extension cannot be created.
    """
    try:
        _ensure_contents(locations)
    except psycopg2.OperationalError as error:  # still starting: the supervisor calls again
        logger.debug("PostgreSQL is not ready: %s", error)
        return False
    except psycopg2.Error as error:
        message = f"The database cannot be set up: {error}"
        raise SupervisionError(message) from error
    return True


def _ensure_contents(locations: Locations) -> None:
    """Create what is missing; an earlier call may have been interrupted anywhere."""
    with _cursor(locations, "template1") as cursor:
        _ensure_vector(cursor)  # new databases, also those of tests, are copies of this one
    with _cursor(locations, SUPERUSER) as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        present = {name for (name,) in cursor.fetchall()}
        for role, options in _ROLES.items():
            if role not in present:
                cursor.execute(f"CREATE ROLE {role} {options}")
        cursor.execute(f"GRANT {APP_ROLE} TO {OWNER_ROLE}")  # tests act as either role
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if cursor.fetchone() is None:
            cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}")
    with _cursor(locations, DATABASE) as cursor:
        _ensure_vector(cursor)


def _ensure_vector(cursor: "psycopg2.extensions.cursor") -> None:
    """Install the extension, or update it to the version of the installed files."""
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
    connection.autocommit = True  # CREATE DATABASE does not run in a transaction
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor
