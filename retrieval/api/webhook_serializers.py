"""What programs send and get about webhooks."""

from __future__ import annotations

from rest_framework import serializers

from accounts.api.serializers import InputSerializer, OutputSerializer
from retrieval.models import (
    TEST_EVENT,
    DeliveryState,
    DisabledReason,
    WebhookEvent,
)
from retrieval.webhooks.addresses import MOST_CHARACTERS

_EVENTS_SENT = [*WebhookEvent.values, TEST_EVENT]


class WebhookInputSerializer(InputSerializer):
    """A new webhook."""

    url = serializers.CharField(
        max_length=MOST_CHARACTERS,
        help_text="A public HTTPS address, with a name as its host, at port 443 or 8443.",
    )
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=WebhookEvent.values),
        min_length=1,
        max_length=len(WebhookEvent),
        help_text="What to tell; photos need the scope scenes:write, imports clips:write.",
    )


class WebhookChangeSerializer(InputSerializer):
    """What to change of a webhook; everything may be left out."""

    url = serializers.CharField(max_length=MOST_CHARACTERS, required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=WebhookEvent.values),
        min_length=1,
        max_length=len(WebhookEvent),
        required=False,
    )
    active = serializers.BooleanField(
        required=False,
        help_text="False sends nothing more; true sends what waits and is not a day old.",
    )


class WebhookSerializer(OutputSerializer):
    """A webhook."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.ChoiceField(choices=WebhookEvent.values))
    active = serializers.BooleanField()
    disabled_reason = serializers.ChoiceField(
        choices=["", *DisabledReason.values], help_text="Why nothing is sent; empty while active."
    )
    created_at = serializers.DateTimeField()


class NewWebhookSerializer(WebhookSerializer):
    """A webhook that was made just now."""

    secret = serializers.CharField(
        help_text="Checks the signatures (Standard Webhooks). It is shown only in this answer."
    )


class DeliveryAttemptSerializer(OutputSerializer):
    """One attempt to deliver a message."""

    at = serializers.DateTimeField()
    status = serializers.IntegerField(
        allow_null=True, help_text="HTTP status of the receiver's answer, or null without one."
    )
    error = serializers.CharField(
        help_text=(
            "Empty if it was delivered; else `refused` (status 4xx or 5xx), `redirect_refused`, "
            "`gone`, `timeout`, `unknown_name`, `address_refused`, `connection_failed`, "
            "`tls_failed`, `certificate_invalid`, `bad_answer`, `interrupted` or `internal_error`."
        )
    )
    duration_ms = serializers.IntegerField(allow_null=True)


class DeliverySerializer(OutputSerializer):
    """A message to a webhook, with the attempts to deliver it."""

    id = serializers.IntegerField()
    message_id = serializers.UUIDField(
        help_text="The header webhook-id; a message that is sent again keeps it."
    )
    event = serializers.ChoiceField(choices=_EVENTS_SENT)
    payload = serializers.CharField(help_text="The body, byte for byte.")
    state = serializers.ChoiceField(choices=DeliveryState.values)
    attempts = DeliveryAttemptSerializer(source="log", many=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    delivered_at = serializers.DateTimeField(allow_null=True)
