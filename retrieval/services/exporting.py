"""Put everything that the site holds about a person into one zip file, in the background."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any, Final

from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services.audit import record
from accounts.services.erasure import lock_account
from retrieval.jobs import leases, transitions
from retrieval.models import DataExport, DiscardedFile
from retrieval.selectors.exports import (
    expired_export_ids,
    export_ids,
    has_recent_export,
    open_export,
)
from retrieval.services.deletion import discard_files
from retrieval.services.export_sections import Entry, sections
from retrieval.storage import content_store
from retrieval.storage.scratch import scratch_folder

logger = logging.getLogger(__name__)

_FOLDER: Final = "exports"
_SUFFIX: Final = ".zip"
_BATCH: Final = 200
_PIECE_BYTES: Final = 1 << 20
_README: Final = _("""\
Your data
=========
This file was made on {day} for the account {number}. It contains:

{words}

Text files are in UTF-8, times in UTC, lengths in seconds. Passwords and the secrets of second
factors are not included.
""")


class ExportRecentError(Exception):
    """The person's file is too new to be replaced."""

    code = "export_recent"


@transaction.atomic
def request_export(*, user_id: int) -> DataExport:
    """Request an export, unless one is being made; it replaces earlier ones.

    Raises
    ------
    AccountClosedError
        If the account is closed.
    ExportRecentError
        If the last one was finished less than `EXPORT_RENEWED_AFTER` ago.
    """
    lock_account(user_id=user_id)  # two requests at once make one export
    under_way = open_export(user_id)
    if under_way is not None:
        return under_way
    if has_recent_export(user_id):
        raise ExportRecentError(f"the export of user {user_id} is recent")
    delete_exports(user_id=user_id)
    record(action="data.requested", subject=f"user {user_id}", actor_id=user_id)
    return DataExport.objects.create(user_id=user_id)


def run_export(*, export_id: int, scratch_directory: Path, worker: str) -> None:
    """Make the file of an export, if it is queued."""
    held = transitions.claim(DataExport, export_id, owner=worker, lease=leases.LEASE)
    if held is None:
        logger.info("export %s is not queued: nothing to do", export_id)
        return
    export = DataExport.objects.filter(pk=export_id).first()
    if export is None:
        raise transitions.StaleClaimError(f"export {export_id} was deleted after it was claimed")
    with leases.renewed(held) as lost, scratch_folder(scratch_directory) as scratch:
        path = scratch / f"export{_SUFFIX}"
        try:
            _write_archive(path, export.user_id, lost)
        except User.DoesNotExist as erased:
            raise transitions.StaleClaimError(str(held)) from erased
        _store(held, path)
    logger.info("export %s done: attempt %d", export_id, held.attempt)


def delete_exports(*, user_id: int) -> None:
    """Delete a person's exports and their files."""
    for export_id in export_ids(user_id):
        _delete(export_id)


def expire_exports(*, limit: int = _BATCH) -> int:
    """Delete exports that were made long ago; return how many."""
    return sum(_delete(export_id) for export_id in expired_export_ids(limit=limit))


@transaction.atomic
def _delete(export_id: int) -> bool:
    export = DataExport.objects.select_for_update().filter(pk=export_id).first()
    if export is None:
        return False
    if export.file:
        discard_files(names=[str(export.file.name)])
    export.delete()
    return True


def _store(held: transitions.Claim, path: Path) -> None:
    """Store the file and finish the job.

    The file is noted as discarded before it exists: whatever happens then, the sweeper removes it
    unless the job's row refers to it.
    """
    sha256, size = content_store.sha256_of(path), path.stat().st_size
    name = content_store.content_name(folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
    DiscardedFile.objects.get_or_create(name=name)
    with transaction.atomic():
        content_store.keep(path, folder=_FOLDER, sha256=sha256, suffix=_SUFFIX)
        transitions.finish(held, file=name, byte_size=size)
        DiscardedFile.objects.filter(pk=name).delete()


def _write_archive(path: Path, user_id: int, lost: Event) -> None:
    chosen = sections()
    readme = str(_README).format(
        day=timezone.now().date().isoformat(),
        number=user_id,
        words="\n".join(str(section.words) for section in chosen),
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", readme)
        for section in chosen:
            for entry in section.entries(user_id):
                if lost.is_set():
                    raise transitions.StaleClaimError(f"export of user {user_id}")
                _add(archive, entry)


def _add(archive: zipfile.ZipFile, entry: Entry) -> None:
    if entry.stored_as:
        _add_stored(archive, entry)
        return
    content = json.dumps(_listed(entry.data), cls=DjangoJSONEncoder, indent=1, ensure_ascii=False)
    archive.writestr(entry.name, content)


def _add_stored(archive: zipfile.ZipFile, entry: Entry) -> None:
    """Copy a stored file; leave out a missing one, such as that of a photo deleted meanwhile."""
    try:
        source = default_storage.open(entry.stored_as, "rb")
    except FileNotFoundError:
        logger.warning("%s is missing: the export goes without it", entry.stored_as)
        return
    info = zipfile.ZipInfo(entry.name, timezone.now().timetuple()[:6])  # not compressed again
    with source, archive.open(info, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, _PIECE_BYTES)


def _listed(data: Any) -> Any:
    return list(data) if isinstance(data, Iterator) else data
