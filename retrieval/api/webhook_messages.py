"""What the API's description says of the messages to webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from drf_spectacular.utils import OpenApiResponse, OpenApiWebhook, extend_schema
from rest_framework import serializers

from accounts.api.serializers import OutputSerializer
from retrieval.models import TEST_EVENT, WebhookEvent

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

_HEADERS: Final = (
    "Signed by the Standard Webhooks scheme with the headers `webhook-id`, `webhook-timestamp` and "
    "`webhook-signature`. A repetition has the same `webhook-id`."
)


class _EndedJobSerializer(OutputSerializer):
    """Something that has ended."""

    state = serializers.ChoiceField(choices=["done", "failed"])
    failure_code = serializers.CharField(allow_null=True)
    path = serializers.CharField(help_text="Where your key reads the result.")


class EndedSceneSerializer(_EndedJobSerializer):
    """A photo whose search has ended."""

    id = serializers.UUIDField()


class EndedImportSerializer(_EndedJobSerializer):
    """An import that has ended."""

    id = serializers.IntegerField()


class TestedWebhookSerializer(OutputSerializer):
    """A webhook that is tested."""

    webhook_id = serializers.IntegerField()


class _MessageSerializer(OutputSerializer):
    """A message to a webhook."""

    timestamp = serializers.DateTimeField(help_text="When it happened.")


class SceneMessageSerializer(_MessageSerializer):
    """A message about a photo."""

    type = serializers.ChoiceField(choices=[WebhookEvent.SCENE_DONE, WebhookEvent.SCENE_FAILED])
    data = EndedSceneSerializer()  # type: ignore[assignment] # a field


class ImportMessageSerializer(_MessageSerializer):
    """A message about an import."""

    type = serializers.ChoiceField(choices=[WebhookEvent.IMPORT_DONE, WebhookEvent.IMPORT_FAILED])
    data = EndedImportSerializer()  # type: ignore[assignment] # a field


class TestMessageSerializer(_MessageSerializer):
    """A test message."""

    type = serializers.ChoiceField(choices=[TEST_EVENT])
    data = TestedWebhookSerializer()  # type: ignore[assignment] # a field


def _message(event: str, summary: StrOrPromise, body: type[_MessageSerializer]) -> OpenApiWebhook:
    described = extend_schema(
        summary=summary,
        description=_HEADERS,
        request=body,
        responses={"2XX": OpenApiResponse(description="Delivered")},
        tags=["Webhooks"],
    )
    return OpenApiWebhook(name=event, decorator=described)


def _end(event: WebhookEvent, body: type[_MessageSerializer]) -> OpenApiWebhook:
    return _message(event, event.label, body)


SCENE_DONE: Final = _end(WebhookEvent.SCENE_DONE, SceneMessageSerializer)
SCENE_FAILED: Final = _end(WebhookEvent.SCENE_FAILED, SceneMessageSerializer)
IMPORT_DONE: Final = _end(WebhookEvent.IMPORT_DONE, ImportMessageSerializer)
IMPORT_FAILED: Final = _end(WebhookEvent.IMPORT_FAILED, ImportMessageSerializer)
TEST: Final = _message(TEST_EVENT, "A test that you asked for", TestMessageSerializer)
