"""What the API's description (OpenAPI) says of each operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from accounts.api.problems import MEDIA_TYPE
from accounts.api.serializers import OutputSerializer, QuerySerializer

_View = TypeVar("_View", bound=Callable[..., Any])

_ALWAYS: Final = (400, 401, 403, 406, 413, 415, 429, 503)
"""Problems that every operation can answer."""

_IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "maxLength": 255, "pattern": r"^[!#-~]([ -~]*[!-~])?$"},
    OpenApiParameter.HEADER,
    description=(
        "A name of your choice for this request, for example a random UUID. Sent again within 24 "
        "hours with the same key and content, the request is answered as the first time and does "
        "nothing. With other content the answer is 422, while the first is in progress 409."
    ),
)


class FieldErrorSerializer(OutputSerializer):
    """One field that is wrong."""

    field = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(OutputSerializer):
    """A refusal, as RFC 9457 describes it."""

    type = serializers.CharField(help_text="Where the code is explained.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField(help_text="Stable; programs may compare it.")
    detail = serializers.CharField(help_text="For people.")
    request_id = serializers.CharField(help_text="Quote it when you report a fault.")
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment] # a field


def operation(
    *,
    operation_id: str,
    summary: str,
    answers: Mapping[int | tuple[int, str], Any],
    description: str = "",
    body: Any = None,
    query: type[QuerySerializer] | None = None,
    headers: Iterable[OpenApiParameter] = (),
    problems: Iterable[int] = (),
    idempotent: bool = False,
    tag: str,
) -> Callable[[_View], _View]:
    """Describe an operation; the problems that every operation can answer are added.

    Parameters
    ----------
    answers
        Serializer, type or `OpenApiResponse` of each good status, or of status and media type.
    body
        Serializer of the body, or one for each media type.
    problems
        Further statuses of problems, such as 404.
    """
    refusals = {*_ALWAYS, *problems} | ({409, 422} if idempotent else set())
    responses: dict[Any, Any] = dict(answers) | {
        (status, MEDIA_TYPE): OpenApiResponse(
            ProblemSerializer, description=HTTPStatus(status).phrase
        )
        for status in sorted(refusals)
    }
    parameters: list[Any] = [*headers, *([query] if query else [])]
    if idempotent:
        parameters.append(_IDEMPOTENCY_KEY)
    decorate: Callable[[_View], _View] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=description,
        request=body,
        responses=responses,
        parameters=parameters,
        tags=[tag],
    )
    return decorate


def page_serializer(row: type[OutputSerializer]) -> type[OutputSerializer]:
    """Return the serializer of a page of rows, for the description only."""
    name = f"{row.__name__.removesuffix('Serializer')}Page"
    return type(
        name,
        (OutputSerializer,),
        {
            "__doc__": "A page of a list.",
            "results": row(many=True),
            "next": serializers.URLField(allow_null=True, help_text="The next page, or null."),
        },
    )


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call] # untyped metaclass
    """Describes how a key is sent."""

    target_class = "accounts.api.authentication.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A key from the page “API keys” of your account.",
        }
