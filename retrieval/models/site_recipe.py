"""What is heard where, as librarians have it; and the banks that scores are judged against."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, IntegerField, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from retrieval.models.library import Space
from retrieval.models.vectors import DistributionField

_FLOAT64_BYTES = 8


class HeardOverride(models.Model):
    """What one hears where one class is seen, other than the program's own table says.

    Rows are only added: the newest of a class counts, so that it can be told later what was in
    force when. One without sounds says that the class tells nothing; one that was taken back
    leaves the class to the program's table.
    """

    wnid = models.CharField("class", max_length=16, help_text="ImageNet's key, such as n09246464.")
    sounds = models.JSONField(
        default=dict,
        blank=True,
        help_text="Weight of each of AudioSet's sounds by its name; together 1. Empty: nothing.",
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
        return f"{self.wnid}: {'as the program has it' if self.taken_back else self.sounds}"


class PhotoBank(models.Model):
    """Photos of this site, of which only mean and covariance are kept; the newest counts."""

    photos = models.PositiveIntegerField()
    digest = models.CharField(max_length=12, help_text="Of its means and covariances.")
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
    """Mean and covariance of a bank's photos in one space, as one image model saw them."""

    bank = models.ForeignKey(PhotoBank, on_delete=models.CASCADE, related_name="moments")
    space = models.ForeignKey(Space, on_delete=models.PROTECT, db_index=False)
    classes = models.PositiveIntegerField()
    model_version = models.CharField(max_length=100)
    mean = DistributionField()
    covariance = models.BinaryField(help_text="float64, row by row, little endian.")

    class Meta:
        verbose_name_plural = "bank moments"
        constraints = [
            models.UniqueConstraint(fields=["bank", "space"], name="retrieval_bankmoments_once"),
            models.CheckConstraint(
                condition=Q(
                    classes=Func(F("mean"), function="vector_dims", output_field=IntegerField())
                ),
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
