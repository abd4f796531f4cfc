"""Models of recordings, their profiles, and the outcome of importing each file."""

from __future__ import annotations

import hashlib

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, HashIndex, OpClass
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Least, Now
from django.db.models.lookups import Exact

from retrieval.catalogue.licences import LICENCES
from retrieval.engine.spaces.class_groups import MOST_GROUPS
from retrieval.engine.vocabulary.sounds import Flag
from retrieval.models.library import Space
from retrieval.models.vectors import (
    DistributionField,
    HalfVectorField,
    vector_dims,
    vector_fills_space,
)

PREVIEW_MEDIA_TYPE = "audio/mpeg"
PREVIEW_SUFFIX = ".mp3"
SHA256_PATTERN = r"^[0-9a-f]{64}$"
_VERSION_DIGITS = 12


class ClipWords(Func):
    """The words by which a recording is found; a function of the database, which an index needs.

    The columns are always the same ones: the index serves no other expression.
    """

    function = "retrieval_clip_words"
    arity = 5
    output_field = SearchVectorField()

    @classmethod
    def of_clip(cls) -> ClipWords:
        """Return the expression that is indexed."""
        return cls("title", "tags", "author", "collection", "sound_tags")


class FileName(Func):
    """The last part of a path: what follows the last slash."""

    template = "regexp_replace(%(expressions)s, '^.*/', '')"
    arity = 1
    output_field = models.TextField()


class Clip(models.Model):
    """One recording of the library, identified by the SHA-256 of its file."""

    sha256 = models.CharField(max_length=64, editable=False)
    path = models.CharField(max_length=1000, help_text="Path in its manifest.")
    title = models.CharField(max_length=300)
    tags = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    author = models.CharField(max_length=300, blank=True, default="")
    license = models.CharField(
        max_length=32, choices=[(item.code, item.name) for item in LICENCES.values()]
    )
    license_url = models.URLField(max_length=500, blank=True, default="")
    source_url = models.URLField(max_length=1000, blank=True, default="")
    collection = models.CharField(max_length=100, blank=True, default="")

    original = models.FileField(max_length=200)
    preview = models.FileField(max_length=200, blank=True, default="")
    media_type = models.CharField(max_length=64)
    byte_size = models.BigIntegerField()
    duration_s = models.FloatField()
    sample_rate_hz = models.PositiveIntegerField()
    channels = models.PositiveSmallIntegerField()
    loudness_lufs = models.FloatField(
        null=True, blank=True, help_text="Integrated loudness (EBU R128); empty if undefined."
    )
    true_peak_dbtp = models.FloatField()
    peaks = models.BinaryField(
        help_text="Waveform outline, one byte per bin; 255 is the recording's largest magnitude."
    )

    sounds = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        blank=True,
        editable=False,
        help_text="Detected sounds, highest score first: key, name and score of each.",
    )
    sound_tags = ArrayField(
        models.CharField(max_length=100),
        default=list,
        db_default=Value([], ArrayField(models.CharField(max_length=100))),
        blank=True,
        editable=False,
        help_text="Names of the detected sounds, for searching.",
    )
    flags = ArrayField(
        models.CharField(max_length=16, choices=[(flag.value, flag.value) for flag in Flag]),
        default=list,
        db_default=Value([], ArrayField(models.CharField(max_length=16))),
        blank=True,
        editable=False,
        help_text="Content that disturbs an ambient recording.",
    )

    added_in = models.BigIntegerField(
        editable=False, help_text="Snapshot of the library that first contained it."
    )
    removed_in = models.BigIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="First snapshot that no longer contained it.",
    )
    withdrawn_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256"], name="retrieval_clip_content_once"),
            models.CheckConstraint(
                condition=Q(sha256__regex=SHA256_PATTERN), name="retrieval_clip_sha256_form"
            ),
            models.CheckConstraint(
                condition=Q(license__in=list(LICENCES)), name="retrieval_clip_license_known"
            ),
            models.CheckConstraint(
                condition=Q(duration_s__gt=0, sample_rate_hz__gt=0, channels__gt=0),
                name="retrieval_clip_has_sound",
            ),
            models.CheckConstraint(
                condition=Q(flags__contained_by=[flag.value for flag in Flag]),
                name="retrieval_clip_flags_known",
            ),
            models.CheckConstraint(
                condition=Q(removed_in__isnull=True) | Q(removed_in__gt=F("added_in")),
                name="retrieval_clip_leaves_after_coming",
            ),
            models.CheckConstraint(
                condition=Q(removed_in__isnull=False) | Q(withdrawn_reason=""),
                name="retrieval_clip_served_has_no_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["added_in", "id"], name="retrieval_clip_added"),
            models.Index(
                fields=["removed_in"],
                include=["id"],
                name="retrieval_clip_withdrawn",
                condition=Q(removed_in__isnull=False),
            ),
            models.Index(
                fields=["id"], name="retrieval_clip_served", condition=Q(removed_in__isnull=True)
            ),
            GinIndex(ClipWords.of_clip(), name="retrieval_clip_words_gin"),
            GinIndex(fields=["tags"], name="retrieval_clip_tags_gin"),
            GinIndex(fields=["sound_tags"], name="retrieval_clip_sound_tags_gin"),
            models.Index(fields=["collection", "added_in", "id"], name="retrieval_clip_collection"),
            models.Index(fields=["license", "added_in", "id"], name="retrieval_clip_license"),
            models.Index(fields=["duration_s"], name="retrieval_clip_duration"),
            GinIndex(fields=["flags"], name="retrieval_clip_flags_gin"),
            # `LIKE 'name%'` uses no index of the database's own order.
            models.Index(
                OpClass(FileName("path"), name="text_pattern_ops"), name="retrieval_clip_file_name"
            ),
            # For deleting files, which asks whether a row needs them.
            HashIndex(fields=["original"], name="retrieval_clip_original"),
            HashIndex(fields=["preview"], name="retrieval_clip_preview", condition=~Q(preview="")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def played_name(self) -> str:
        """Storage name of the file that browsers play."""
        return str(self.preview.name or self.original.name)

    @property
    def played_media_type(self) -> str:
        """Media type of the file that browsers play."""
        is_preview = str(self.preview.name or "").endswith(PREVIEW_SUFFIX)
        return PREVIEW_MEDIA_TYPE if is_preview else self.media_type

    @property
    def played_version(self) -> str:
        """The part of the played file's address that changes with it.

        The file's name contains its hash and differs between preview and original.
        """
        return hashlib.sha256(self.played_name.encode()).hexdigest()[:_VERSION_DIGITS]


class ClipAbsence(models.Model):
    """Snapshots during which a recording was withdrawn that was restored later."""

    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="absences")
    removed_in = models.BigIntegerField(help_text="First snapshot that did not contain it.")
    restored_in = models.BigIntegerField(help_text="First snapshot that contained it again.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(restored_in__gt=F("removed_in")),
                name="retrieval_clipabsence_ends_after_it_begins",
            ),
        ]
        indexes = [
            models.Index(fields=["removed_in"], name="retrieval_clipabsence_removed"),
            models.Index(fields=["restored_in"], name="retrieval_clipabsence_restored"),
        ]

    def __str__(self) -> str:
        return f"clip {self.clip_id} from {self.removed_in} to {self.restored_in}"


class ClipProfile(models.Model):
    """Profile of a recording in one space: the mean of its windows, with the space's floor."""

    clip = models.ForeignKey(Clip, on_delete=models.CASCADE, related_name="profiles")
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    classes = models.PositiveIntegerField()
    model_version = models.CharField(max_length=100)
    distribution = DistributionField()
    added_in = models.BigIntegerField(
        editable=False, help_text="First snapshot of the library in which it can be searched."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    group_sums = HalfVectorField(
        null=True,
        editable=False,
        help_text="Over groups of classes; without them it is read whole.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clip", "space", "model_version"], name="retrieval_clipprofile_once"
            ),
            models.CheckConstraint(
                condition=vector_fills_space(), name="retrieval_clipprofile_fills_space"
            ),
            models.CheckConstraint(
                condition=Exact(vector_dims("group_sums"), Least("classes", MOST_GROUPS)),
                name="retrieval_clipprofile_sums_every_group",
            ),
            # Target of the windows' foreign key on (profile, classes).
            models.UniqueConstraint(fields=["id", "classes"], name="retrieval_clipprofile_size"),
        ]
        indexes = [
            models.Index(
                fields=["space", "model_version", "added_in"], name="retrieval_clipprofile_added"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.clip_id} in {self.space_id} by {self.model_version}"


class ClipWindow(models.Model):
    """Model output for one window of a recording, before averaging into the profile."""

    profile = models.ForeignKey(ClipProfile, on_delete=models.CASCADE, related_name="windows")
    classes = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    start_s = models.FloatField()
    distribution = DistributionField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "position"], name="retrieval_clipwindow_once"
            ),
            models.CheckConstraint(
                condition=Q(start_s__gte=0), name="retrieval_clipwindow_starts_in_clip"
            ),
            models.CheckConstraint(
                condition=vector_fills_space(), name="retrieval_clipwindow_fills_space"
            ),
        ]

    def __str__(self) -> str:
        return f"window {self.position} of profile {self.profile_id}"


class ImportItem(models.Model):
    """Outcome of importing one file of one source.

    A later import skips a file whose size and modification time are unchanged, so an interrupted
    import resumes where it stopped.
    """

    class Outcome(models.TextChoices):
        """Possible outcomes of a file."""

        IMPORTED = "imported"
        DUPLICATE = "duplicate"
        FAILED = "failed"

    source = models.CharField(max_length=1000, help_text="Absolute path of the manifest or folder.")
    path = models.CharField(max_length=1000, help_text="Path in the manifest.")
    byte_size = models.BigIntegerField()
    modified_ns = models.BigIntegerField()
    row_digest = models.CharField(
        max_length=64, blank=True, default="", help_text="Hash of the manifest's metadata."
    )
    outcome = models.CharField(max_length=10, choices=Outcome)
    code = models.CharField(max_length=64, blank=True, default="")
    detail = models.TextField(blank=True, default="")
    clip = models.ForeignKey(Clip, null=True, blank=True, on_delete=models.SET_NULL)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "path"], name="retrieval_importitem_once"),
            models.CheckConstraint(
                condition=Q(outcome__in=["imported", "duplicate", "failed"]),
                name="retrieval_importitem_outcome_known",
            ),
            models.CheckConstraint(
                condition=(Q(outcome="failed") & ~Q(code="")) | (~Q(outcome="failed") & Q(code="")),
                name="retrieval_importitem_failed_has_code",
            ),
        ]
        indexes = [
            models.Index(
                fields=["source", "outcome"],
                name="retrieval_importitem_outcome",
                opclasses=["varchar_pattern_ops", "varchar_ops"],
            ),
            models.Index(
                OpClass(FileName("path"), name="text_pattern_ops"),
                name="retrieval_importitem_file_name",
            ),
            models.Index(fields=["code"], name="retrieval_importitem_code", condition=~Q(code="")),
        ]

    def __str__(self) -> str:
        return f"{self.path}: {self.outcome} {self.code}".rstrip()
