"""Webhooks of a key, and the log of the messages to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from django.urls import reverse
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.idempotency import once
from accounts.api.problems import ApiProblem
from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import InputSerializer, PageQuerySerializer, QuerySerializer
from accounts.api.views import ApiView
from retrieval.api.webhook_serializers import (
    DeliverySerializer,
    NewWebhookSerializer,
    WebhookChangeSerializer,
    WebhookInputSerializer,
    WebhookSerializer,
)
from retrieval.models import Webhook
from retrieval.selectors.webhooks import (
    deliveries_of,
    delivery_of,
    webhook_of_key,
    webhooks_of_key,
)
from retrieval.services.webhook_secrets import secret_of
from retrieval.services.webhooks import (
    MOST_WEBHOOKS,
    EventScopeError,
    NamesUnavailableError,
    PublicUrl,
    SecretLostError,
    TooManyWaitingError,
    TooManyWebhooksError,
    WebhookError,
    WebhookExistsError,
    change_webhook,
    delete_webhook,
    make_webhook,
    public_url,
    send_again,
    send_test,
)
from retrieval.webhooks.addresses import PORTS, Reason, UrlNotAllowedError
from retrieval.webhooks.network import Internet, Network
from retrieval.webhooks.signing import secret_text

_TAG = "Webhooks"
_RETRY_AFTER_S = 5


class _WebhookView(ApiView):
    """Answers refusals of the services of webhooks."""

    network: ClassVar[Network] = Internet()

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem that stands for a refusal."""
        if isinstance(error, UrlNotAllowedError):
            return ApiProblem(error.code, _words_of(error.reason), status=400)
        if isinstance(error, EventScopeError):
            words = _("This event needs a key with the scope {scope}.")
            return ApiProblem(error.code, words.format(scope=error.scope.value), status=403)
        if isinstance(error, NamesUnavailableError):
            words = _("The host's name could not be looked up. Repeat it in some seconds.")
            return ApiProblem(error.code, words, status=503, retry_after_s=_RETRY_AFTER_S)
        if isinstance(error, WebhookError):
            return ApiProblem(error.code, _words_about(error), status=409)
        return super().problem_of(error)

    def webhook(self, webhook_id: int) -> Webhook:
        """Return the key's webhook with this id."""
        found = webhook_of_key(self.key.pk, webhook_id)
        if found is None:
            raise Http404
        return found


class WebhooksView(_WebhookView):
    """The webhooks of a key."""

    query = {"GET": PageQuerySerializer}

    @operation(
        operation_id="webhooks_list",
        summary="List the webhooks of this key",
        answers={200: page_serializer(WebhookSerializer)},
        query=PageQuerySerializer,
        tag=_TAG,
    )
    def get(self, request: Request) -> Response:
        """Answer a page of webhooks, the oldest first."""
        return self.present_page(WebhookSerializer, webhooks_of_key(self.key.pk), order=("id",))

    @operation(
        operation_id="webhooks_create",
        summary="Make a webhook",
        description=(
            "Messages are signed by the Standard Webhooks scheme. An answer with a 2xx status "
            "within 10 seconds means delivered; others are tried again for a day. Redirects are "
            "not followed. An answer with status 410 switches the webhook off. After a day a "
            "message is given up; the webhook stays on. Photos that are matched again are not "
            "announced."
        ),
        answers={201: NewWebhookSerializer},
        body=WebhookInputSerializer,
        problems=(409, 410),
        idempotent=True,
        tag=_TAG,
    )
    def post(self, request: Request) -> Response:
        """Make a webhook and answer it with its secret."""
        wanted = self.sent(WebhookInputSerializer)

        url = self._looked_up(wanted["url"])  # before the transaction of `once`

        def make() -> Response:
            if not isinstance(url, PublicUrl):
                raise url
            webhook, _secret = make_webhook(key=self.key, url=url, events=wanted["events"])
            where = reverse("api:webhook", args=[webhook.pk])
            content = self.present(WebhookSerializer, webhook)
            return Response(content, status=201, headers={"Location": where})

        answer = once(self, wanted, make, subjects=lambda body: [f"webhook {body['id']}"])
        if answer.status_code == 201:
            # Added to the stored answer too, which does not hold it: secrets are not stored.
            secret = secret_of(webhook=self.webhook(answer.data["id"]))
            answer.data = {**answer.data, "secret": secret_text(secret) if secret else None}
        return answer

    def _looked_up(self, url: str) -> PublicUrl | UrlNotAllowedError | NamesUnavailableError:
        """Return a refusal, too: a repeated request gets its first answer nevertheless."""
        try:
            return public_url(url=url, network=self.network)
        except (UrlNotAllowedError, NamesUnavailableError) as error:
            return error


class WebhookView(_WebhookView):
    """One webhook."""

    query = {"GET": QuerySerializer}

    @operation(
        operation_id="webhook_get",
        summary="Read a webhook",
        answers={200: WebhookSerializer},
        query=QuerySerializer,
        problems=(404,),
        tag=_TAG,
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """Answer a webhook."""
        return Response(self.present(WebhookSerializer, self.webhook(webhook_id)))

    @operation(
        operation_id="webhook_change",
        summary="Change a webhook",
        description="The secret stays. Messages that wait go to the new address.",
        answers={200: WebhookSerializer},
        body=WebhookChangeSerializer,
        problems=(404, 409),
        tag=_TAG,
    )
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Change what is sent of a webhook."""
        webhook = self.webhook(webhook_id)
        wanted = self.sent(WebhookChangeSerializer)
        changed = change_webhook(key=self.key, webhook=webhook, network=self.network, **wanted)
        return Response(self.present(WebhookSerializer, changed))

    @operation(
        operation_id="webhook_delete",
        summary="Delete a webhook and its log",
        answers={204: None},
        problems=(404,),
        tag=_TAG,
    )
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Delete a webhook."""
        delete_webhook(key=self.key, webhook=self.webhook(webhook_id))
        return Response(status=204)


class WebhookTestView(_WebhookView):
    """Test messages."""

    @operation(
        operation_id="webhook_test",
        summary="Send a test message",
        description=(
            "Of type `webhook.test`, which is sent by this call alone. Its outcome is in the log "
            "of deliveries."
        ),
        answers={202: DeliverySerializer},
        problems=(404, 409),
        idempotent=True,
        tag=_TAG,
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Store a test message for the sender."""
        webhook = self.webhook(webhook_id)
        self.sent(InputSerializer)
        return once(
            self,
            {},
            lambda: Response(
                self.present(DeliverySerializer, send_test(webhook=webhook)), status=202
            ),
        )


class WebhookDeliveriesView(_WebhookView):
    """The log of a webhook."""

    query = {"GET": PageQuerySerializer}

    @operation(
        operation_id="webhook_deliveries",
        summary="List the messages to a webhook",
        description="The newest first, with each attempt. They are kept for 30 days.",
        answers={200: page_serializer(DeliverySerializer)},
        query=PageQuerySerializer,
        problems=(404,),
        tag=_TAG,
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """Answer a page of the log."""
        rows = deliveries_of(self.webhook(webhook_id))
        return self.present_page(DeliverySerializer, rows, order=("-created_at", "-id"))


class WebhookReplayView(_WebhookView):
    """Messages that are sent once more."""

    @operation(
        operation_id="webhook_replay",
        summary="Send a message again",
        description=(
            "The same payload with the same `webhook-id`, so that a receiver that has it already "
            "can tell; the timestamp and the signature are new."
        ),
        answers={202: DeliverySerializer},
        problems=(404, 409),
        idempotent=True,
        tag=_TAG,
    )
    def post(self, request: Request, webhook_id: int, delivery_id: int) -> Response:
        """Store the message once more for the sender."""
        webhook = self.webhook(webhook_id)
        delivery = delivery_of(webhook, delivery_id)
        if delivery is None:
            raise Http404
        self.sent(InputSerializer)
        return once(
            self,
            {},
            lambda: Response(
                self.present(DeliverySerializer, send_again(webhook=webhook, delivery=delivery)),
                status=202,
            ),
        )


def _words_of(reason: Reason) -> str:
    words: dict[Reason, Any] = {
        Reason.FORM: _("This is no address of the form https://name/path."),
        Reason.SCHEME: _("The address must begin with https://."),
        Reason.HOST: _("The host must be a name with a domain, not a network address."),
        Reason.PORT: _("The port must be one of these: {ports}."),
        Reason.NOT_PUBLIC: _("The name leads into a network that is not public."),
        Reason.UNKNOWN_NAME: _("No name server knows the host's name."),
    }
    return str(words[reason]).format(ports=", ".join(map(str, PORTS)))


def _words_about(error: WebhookError) -> str:
    if isinstance(error, TooManyWebhooksError):
        words = _("This key has {most} webhooks, the most that one may have. Delete one first.")
        return words.format(most=MOST_WEBHOOKS)
    if isinstance(error, WebhookExistsError):
        return _("This key has a webhook with this address. Change that one.")
    if isinstance(error, TooManyWaitingError):
        return _("Too many messages wait for this receiver. Send more when they have arrived.")
    if isinstance(error, SecretLostError):
        return _("The site's secret key was replaced. Delete this webhook and make another.")
    return _("This webhook is switched off. Switch it on with `active` first.")
