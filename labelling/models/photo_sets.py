"""Models of photo sets and of the imports that fill them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from retrieval.catalogue.licences import LICENCES, UNKNOWN
from retrieval.models import Job, Scene


class PhotoSet(models.Model):
    """Photos of which campaigns draw pairs."""

    class Source(models.TextChoices):
        """Where the photos come from."""

        IMPORTED = "imported", _("Imported photos")
        VISITORS = "visitors", _("Visitors' photos that may be judged")

    name = models.CharField(_("name"), max_length=100)
    purpose = models.TextField(_("purpose"), max_length=2000, blank=True, default="")
    source = models.CharField(max_length=10, choices=Source, default=Source.IMPORTED)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL
    )
    made_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="labelling_photoset_name_once",
                violation_error_message=_("There is a photo set of this name already."),
            ),
            models.CheckConstraint(condition=~Q(name=""), name="labelling_photoset_has_name"),
            models.CheckConstraint(
                condition=Q(source__in=["imported", "visitors"]),
                name="labelling_photoset_source_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SetPhoto(models.Model):
    """A photo in a set, with the licence of an imported one.

    `photo_sha256` repeats the scene's, so that the database can refuse the same photo twice.
    """

    photo_set = models.ForeignKey(PhotoSet, on_delete=models.CASCADE, related_name="photos")
    scene = models.ForeignKey(Scene, on_delete=models.CASCADE, related_name="set_photos")
    photo_sha256 = models.CharField(max_length=64, editable=False)
    name = models.CharField(
        max_length=200, blank=True, default="", help_text="Name of the imported file."
    )
    author = models.CharField(max_length=200, blank=True, default="")
    license = models.CharField(
        max_length=32,
        default=UNKNOWN,
        choices=[(licence.code, licence.name) for licence in LICENCES.values()],
    )
    source_url = models.URLField(max_length=500, blank=True, default="")
    added_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["photo_set", "scene"], name="labelling_setphoto_scene_once"
            ),
            models.UniqueConstraint(
                fields=["photo_set", "photo_sha256"], name="labelling_setphoto_photo_once"
            ),
            models.CheckConstraint(
                condition=Q(license__in=list(LICENCES)), name="labelling_setphoto_license_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"scene {self.scene_id}"


class PhotoImport(Job):
    """A zip file of photos that a worker adds to a set."""

    photo_set = models.ForeignKey(PhotoSet, on_delete=models.CASCADE, related_name="imports")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL
    )
    archive = models.FileField(max_length=200, blank=True, help_text="Removed when it is done.")
    file_name = models.CharField(max_length=200)
    author = models.CharField(
        max_length=200, blank=True, default="", help_text="Of the photos for which none is given."
    )
    license = models.CharField(
        max_length=32,
        default=UNKNOWN,
        choices=[(licence.code, licence.name) for licence in LICENCES.values()],
    )
    source_url = models.URLField(max_length=500, blank=True, default="")
    total = models.PositiveIntegerField(null=True, editable=False, help_text="Photos in the file.")

    class Meta(Job.Meta):
        constraints = [
            *Job.Meta.constraints,
            models.CheckConstraint(
                condition=Q(license__in=list(LICENCES)), name="labelling_photoimport_license_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name} ({self.state})"


class PhotoImportItem(models.Model):
    """Outcome of importing one photo of a file; an interrupted import skips what has one."""

    class Outcome(models.TextChoices):
        """Possible outcomes."""

        ADDED = "added", _("added")
        DUPLICATE = "duplicate", _("in the set already")
        FAILED = "failed", _("failed")

    photo_import = models.ForeignKey(PhotoImport, on_delete=models.CASCADE, related_name="items")
    path = models.CharField(max_length=1000)
    outcome = models.CharField(max_length=10, choices=Outcome)
    code = models.CharField(max_length=64, blank=True, default="")
    detail = models.TextField(blank=True, default="")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["photo_import", "path"], name="labelling_photoimportitem_once"
            ),
            models.CheckConstraint(
                condition=Q(outcome__in=["added", "duplicate", "failed"]),
                name="labelling_photoimportitem_outcome_known",
            ),
            models.CheckConstraint(
                condition=(Q(outcome="failed") & ~Q(code="")) | (~Q(outcome="failed") & Q(code="")),
                name="labelling_photoimportitem_failed_has_code",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome} {self.code}".rstrip()
