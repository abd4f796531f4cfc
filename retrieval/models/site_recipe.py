"""Models of a site's overrides of the class-to-sound table and of its photo banks."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from retrieval.models.library import Space
from retrieval.models.vectors import DistributionField, vector_fills_space

_FLOAT64_BYTES = 8


class HeardOverride(models.Model):
    """Sounds expected where one image class is seen, replacing the built-in table's entry.

    Rows are never changed: the newest row of a class applies, and older rows document the past. A
    row without sounds means that the class predicts none; a row with `taken_back` restores the
    built-in entry.
    """

    wnid = models.CharField(
        "class", max_length=16, help_text="WordNet id in ImageNet, such as n09246464."
    )
    sounds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Weight of each AudioSet sound by name; the sum is 1. Empty: no sound.",
    )
    taken_back = models.BooleanField(default=False)
    why = models.CharField(max_length=300)
    author = models.BigIntegerField(null=True, blank=True, editable=False)
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(wnid__regex=r"^n[0-9]{8}$"), name="retrieval_heardoverride_wnid_form"
            ),
            models.CheckConstraint(condition=~Q(why=""), name="retrieval_heardoverride_has_reason"),
        ]

    def __str__(self) -> str:
        return f"override {self.pk} of {self.wnid}"


class PhotoBank(models.Model):
    """Mean and covariance of this site's photos; the newest bank applies."""

    photos = models.PositiveIntegerField()
    digest = models.CharField(max_length=12, help_text="Hash of its means and covariances.")
    at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(photos__gte=2), name="retrieval_photobank_has_photos"
            ),
        ]

    def __str__(self) -> str:
        return f"bank {self.pk} of {self.photos} photos"


class BankMoments(models.Model):
    """Mean and covariance of a bank's photo profiles in one space by one image model."""

    bank = models.ForeignKey(PhotoBank, on_delete=models.CASCADE, related_name="moments")
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    classes = models.PositiveIntegerField()
    model_version = models.CharField(max_length=100)
    mean = DistributionField()
    covariance = models.BinaryField(help_text="float64, row-major, little-endian.")

    class Meta:
        verbose_name_plural = "bank moments"
        constraints = [
            models.UniqueConstraint(fields=["bank", "space"], name="retrieval_bankmoments_once"),
            models.CheckConstraint(
                condition=vector_fills_space("mean"),
                name="retrieval_bankmoments_mean_fills_space",
            ),
            models.CheckConstraint(
                condition=Exact(
                    Func(F("covariance"), function="octet_length", output_field=IntegerField()),
                    F("classes") * F("classes") * _FLOAT64_BYTES,
                ),
                name="retrieval_bankmoments_covariance_fills_space",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bank} in {self.space_id}"
