"""Taking the file of a recording."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import once
from accounts.api.parsing import StrictMultiPartParser
from accounts.api.problems import ApiProblem
from accounts.api.views import ApiView
from retrieval.api.body_limits import recording_form_bytes
from retrieval.api.clip_serializers import ClipUploadSerializer
from retrieval.api.import_serializers import ImportSerializer, import_content
from retrieval.catalogue.manifest import ManifestEntry, storable, title_of_file
from retrieval.storage.content_store import sha256_of
from retrieval.submission import submit_recording

_RETRY_AFTER_S: Final = 5


class RecordingUploads(ApiView):
    """Takes a recording, which goes to a temporary file and never into memory as a whole."""

    parser_classes = [StrictMultiPartParser]
    body = ClipUploadSerializer

    def body_limit(self, request: Request) -> int:
        """Return the largest body: of a form with a recording."""
        return recording_form_bytes() if request.method == "POST" else super().body_limit(request)

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        """Send files to the disk; the site's other forms are small enough for memory."""
        if request.method == "POST":
            request.upload_handlers = [TemporaryFileUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    def receive(self) -> Response:
        """Check the form, keep the recording and answer with the job that imports it."""
        self._check_files()
        values = self.sent(self.body)
        file: TemporaryUploadedFile = values.pop("recording")
        sha256 = sha256_of(Path(file.temporary_file_path()))
        entry = _entry(values, file)
        # The hash stands for the file: `once` would read its bytes into memory.
        wanted = values | {"recording": f"sha256:{sha256}", "path": entry.path}
        return once(self, wanted, lambda: self._submit(entry, sha256))

    def _submit(self, entry: ManifestEntry, sha256: str) -> Response:
        job = submit_recording(entry, sha256=sha256, requested_by=self.key.user_id)
        address = self.request.build_absolute_uri(reverse("api:import", args=[job.pk]))
        return Response(
            self.present(ImportSerializer, import_content(job, items=[], next_page=None)),
            status=202,
            headers={"Location": address, "Retry-After": str(_RETRY_AFTER_S)},
        )

    def _check_files(self) -> None:
        files = self.request.FILES.getlist("recording")
        if len(files) > 1:
            raise ApiProblem("too_many_files", _("Send one recording at a time."), status=400)
        most = settings.SOUNDSCAPE_MAX_SENT_RECORDING_BYTES
        if files and (files[0].size or 0) > most:
            words = _("The recording has {size} bytes; the most we take is {most}.")
            words = words.format(size=files[0].size, most=most)
            raise ApiProblem("file_too_large", words, status=413)


def _entry(values: dict[str, Any], file: TemporaryUploadedFile) -> ManifestEntry:
    """Return the entry that a manifest would have for a file."""
    path = storable(str(file.name))
    return ManifestEntry(
        path=path,
        file=Path(file.temporary_file_path()),
        title=values.get("title") or title_of_file(Path(path)),
        license=values["license"],
        tags=tuple(values.get("tags", ())),
        author=values.get("author", ""),
        license_url=values.get("license_url", ""),
        source_url=values.get("source_url", ""),
        collection=values.get("collection", ""),
    )
