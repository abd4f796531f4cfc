"""The base of the API's views."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, MethodNotAllowed, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.authentication import KeyAuthentication
from accounts.api.pagination import page_of
from accounts.api.parsing import StrictJSONParser
from accounts.api.permissions import HasScope
from accounts.api.problems import ApiProblem
from accounts.api.serializers import InputSerializer, OutputSerializer, QuerySerializer
from accounts.api.throttles import LimitedView
from accounts.models import ApiKey
from accounts.scopes import Scope

_Row = TypeVar("_Row", bound=Model)

JSON_BODY_BYTES: Final = 1_000_000
"""The largest body of a request that sends no file."""

_PLAIN: Final = frozenset({"", "identity"})


class ApiView(LimitedView):
    """A view for programs: key, scope and limits, strict input, problems as answers.

    Attributes
    ----------
    scopes
        The scope that each method needs; a method without an entry needs any key.
    query
        The serializer of each method's query parameters.
    most_body_bytes
        The largest body that is read.
    """

    authentication_classes = [KeyAuthentication]
    permission_classes = [HasScope]
    parser_classes = [StrictJSONParser]
    scopes: ClassVar[Mapping[str, Scope]] = {}
    query: ClassVar[Mapping[str, type[QuerySerializer]]] = {}
    most_body_bytes: ClassVar[int] = JSON_BODY_BYTES
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]

    parameters: dict[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Check key, scope and limits, then the body's size and the query parameters."""
        super().initial(request, *args, **kwargs)
        if request.method not in self.allowed_methods:  # before its parameters are unknown ones
            raise MethodNotAllowed(str(request.method))
        self._check_body(request)
        # Where a method declares none, every parameter is unknown.
        serializer = self.query.get(self._method(request), InputSerializer)
        self.parameters = self._valid_parameters(serializer, request)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer an exception as a problem; an app's refusals become problems first."""
        return super().handle_exception(self.problem_of(exc) or exc)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        """Keep answers out of shared caches, unless the view says otherwise."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if "Cache-Control" not in answer:
            answer["Cache-Control"] = "private, no-cache"
        return answer

    def body_limit(self, request: Request) -> int:
        """Return the largest body of this request, before it is read; apps may override this."""
        return self.most_body_bytes

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem that stands for a refusal of a service; apps override this."""
        return None

    @property
    def key(self) -> ApiKey:
        """The key of the request."""
        found = self.request.auth
        if not isinstance(found, ApiKey):
            raise TypeError("the view admits requests without a key")
        return found

    def sent(self, serializer: type[InputSerializer], *, data: Any = None) -> dict[str, Any]:
        """Return the validated body.

        Raises
        ------
        ValidationError
            With the code and path of each faulty field.
        """
        body = self.request.data if data is None else data
        form = serializer(data=body, context={"request": self.request, "view": self})
        form.is_valid(raise_exception=True)
        values: dict[str, Any] = form.validated_data
        return values

    def present(self, serializer: type[OutputSerializer], found: Any) -> Any:
        """Return an answer's content, with the fields that the request selects."""
        return serializer(found, only=self._only(serializer), context=self._context()).data

    def present_page(
        self,
        serializer: type[OutputSerializer],
        rows: QuerySet[_Row],
        *,
        order: Sequence[str],
        prepare: Callable[[list[_Row]], Sequence[Any]] = lambda rows: rows,
    ) -> Response:
        """Answer a page of a list; `prepare` turns its rows into what the serializer reads."""
        cursor, size = self.parameters.get("cursor"), self.parameters["page_size"]
        page = page_of(rows, order=order, cursor=cursor, size=size)
        results = serializer(
            prepare(page.rows), many=True, context=self._context(), only=self._only(serializer)
        ).data
        return Response({"results": results, "next": self._next(page.next_cursor)})

    def _next(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        wanted = self.request.query_params.copy()
        wanted["cursor"] = cursor
        return self.request.build_absolute_uri(f"{self.request.path}?{wanted.urlencode()}")

    def _context(self) -> dict[str, Any]:
        return {"request": self.request, "view": self}

    def _only(self, serializer: type[OutputSerializer]) -> frozenset[str] | None:
        wanted = self.parameters.get("fields")
        if wanted is None:
            return None
        names, known = frozenset(wanted.split(",")), set(serializer().fields)
        unknown = sorted(names - known)
        if unknown:
            words = _("There is no field {name}; there are {known}.")
            words = words.format(name=unknown[0], known=", ".join(sorted(known)))
            raise ValidationError({"fields": [ErrorDetail(words, code="invalid_fields")]})
        return names

    def _valid_parameters(
        self, serializer: type[InputSerializer], request: Request
    ) -> dict[str, Any]:
        given = request.query_params
        twice = [name for name in given if len(given.getlist(name)) > 1]
        if twice:
            words = _("This parameter occurs twice.")
            raise ValidationError({twice[0]: [ErrorDetail(words, code="invalid_filter")]})
        form = serializer(data=given.dict(), context={"request": request, "view": self})
        if not form.is_valid():
            raise ValidationError(_as_filter_errors(form.errors))
        found: dict[str, Any] = form.validated_data
        return found

    def _check_body(self, request: Request) -> None:
        """Refuse a body by its headers, before it is parsed."""
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in _PLAIN:
            words = _("Compressed requests are not accepted.")
            raise ApiProblem("unsupported_encoding", words, status=415)
        stated = request.META.get("CONTENT_LENGTH") or "0"
        length = int(stated) if stated.isascii() and stated.isdigit() else 0
        most = self.body_limit(request)
        if length > most:
            words = _("The body has {length} bytes; the most we take here is {most}.")
            words = words.format(length=length, most=most)
            raise ApiProblem("body_too_large", words, status=413)

    @staticmethod
    def _method(request: Request) -> str:
        return "GET" if request.method == "HEAD" else str(request.method)


def _as_filter_errors(errors: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
    """Name unknown parameters as what they are; all others keep their code."""
    return {
        name: [
            ErrorDetail(str(one), "invalid_filter" if one.code == "unknown_field" else one.code)
            for one in found
        ]
        for name, found in errors.items()
    }
