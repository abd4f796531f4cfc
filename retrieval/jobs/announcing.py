"""Tell webhooks that jobs have ended, in the transaction in which they end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from retrieval.models import (
    Job,
    JobState,
    LibraryImport,
    Scene,
    Webhook,
    WebhookDelivery,
)
from retrieval.webhooks.payloads import payload


@dataclass(frozen=True, slots=True)
class _Announced:
    """How a kind of job is announced: the events' first word, whose it is, where the API has it."""

    word: str
    owner: str
    path: str


_ANNOUNCED: Final[dict[type[Job], _Announced]] = {
    Scene: _Announced("scene", "owner_id", "/api/v1/scenes/{}"),
    LibraryImport: _Announced("import", "requested_by", "/api/v1/imports/{}"),
}


def announce_end(model: type[Job], pks: Sequence[Any]) -> None:
    """Store a message about each of these ended jobs for each webhook that wants it.

    Raises
    ------
    RuntimeError
        Outside of a transaction: a message could tell of an end that is undone, or be lost.
    """
    kind = _ANNOUNCED.get(model)
    if kind is None or not pks:
        return
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("ended jobs are announced outside of a transaction")
    names = ("pk", "state", "failure_code", "finished_at", kind.owner)
    ended = model._default_manager.filter(
        pk__in=pks,
        state__in=[JobState.DONE, JobState.FAILED],
        **{f"{kind.owner}__in": _listening(kind.word).values("api_key__user")},
    )
    jobs = list(ended.values(*names))
    webhooks = _locked(_listening(kind.word), {job[kind.owner] for job in jobs})
    messages = []
    for job in jobs:
        event = f"{kind.word}.{job['state']}"
        text = payload(
            event,
            at=job["finished_at"],
            data={
                "id": str(job["pk"]) if model is Scene else job["pk"],
                "state": job["state"],
                "failure_code": job["failure_code"] or None,
                "path": kind.path.format(job["pk"]),
            },
        )
        messages += [
            WebhookDelivery(webhook=webhook, event=event, payload=text)
            for webhook in webhooks
            if webhook.api_key.user_id == job[kind.owner] and event in webhook.events
        ]
    WebhookDelivery.objects.bulk_create(messages)


def _locked(webhooks: QuerySet[Webhook], owners: Collection[Any]) -> list[Webhook]:
    """Return these people's webhooks, which nobody can delete before the jobs' transaction ends.

    Otherwise the message about a job would refer to nothing, and the job's end be undone.
    """
    theirs = webhooks.filter(api_key__user__in=owners).select_related("api_key")
    return list(theirs.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def _listening(word: str) -> QuerySet[Webhook]:
    """Return the webhooks that want these events, and whose keys are still valid."""
    return Webhook.objects.filter(
        events__overlap=[f"{word}.{state}" for state in (JobState.DONE, JobState.FAILED)],
        disabled_reason="",
        api_key__revoked_at__isnull=True,
        api_key__expiry__gt=timezone.now(),
        api_key__user__is_active=True,
    )
