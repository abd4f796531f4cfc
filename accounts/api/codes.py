"""The codes of problems that the API itself reports, beside those of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

KNOWN: Final[dict[str, tuple[int, StrOrPromise, StrOrPromise]]] = {
    # Keys
    "key_missing": (401, _("No key"), _("Send a key: Authorization: Bearer <key>.")),
    "token_invalid": (
        401,
        _("The key opens nothing"),
        _("It is unknown, has expired or was revoked. Make another one on your page “API keys”."),
    ),
    "scope_missing": (
        403,
        _("The key lacks a scope"),
        _("Make a key with the scope that the problem's detail names."),
    ),
    "role_missing": (
        403,
        _("The owner of the key lacks a role"),
        _("An operator of the site gives roles."),
    ),
    "second_factor_missing": (
        403,
        _("A second factor is missing"),
        _("The owner's role needs one: set it up on the site, then the key works again."),
    ),
    "forbidden": (403, _("Not allowed"), _("This key may not do that.")),
    # Addresses and methods
    "not_found": (
        404,
        _("Nothing is here"),
        _("It does not exist, or it is not yours: both are answered alike."),
    ),
    "method_not_allowed": (405, _("No such method"), _("The header Allow names those there are.")),
    "not_acceptable": (
        406,
        _("No such format"),
        _("Ask for what the operation answers, or send no header Accept."),
    ),
    "precondition_failed": (
        412,
        _("Not as you thought"),
        _("The object is another one than If-Match or If-Unmodified-Since says."),
    ),
    "gone": (410, _("Deleted"), _("It was deleted, and its address is not used again.")),
    # Bodies
    "malformed_request": (400, _("Not readable"), _("The request could not be read.")),
    "malformed_json": (
        400,
        _("Not valid JSON"),
        _("The detail says where. A name twice in an object, NaN and Infinity are refused, too."),
    ),
    "unsupported_media_type": (
        415,
        _("A type of body that is not read here"),
        _("The operation names the types of body that it takes."),
    ),
    "unsupported_encoding": (
        415,
        _("Compressed request"),
        _("Send the body without Content-Encoding."),
    ),
    "body_too_large": (413, _("The body is too large"), _("The detail names the most.")),
    # Fields and parameters
    "invalid": (
        400,
        _("Not valid"),
        _("Several things are wrong, or a value is not of the field's type: see errors."),
    ),
    "required": (400, _("A field is missing"), _("The operation needs it.")),
    "null": (400, _("A field is null"), _("It needs a value.")),
    "blank": (400, _("A field is empty"), _("It needs at least one visible character.")),
    "empty": (400, _("An empty list"), _("It needs at least one entry.")),
    "not_a_list": (400, _("Not a list"), _("The field takes a list.")),
    "not_a_dict": (400, _("Not an object"), _("The field takes an object.")),
    "min_length": (400, _("Too short"), _("The operation names the least length.")),
    "max_length": (400, _("Too long"), _("The operation names the greatest length.")),
    "min_value": (400, _("Too small"), _("The operation names the least value.")),
    "max_value": (400, _("Too large"), _("The operation names the greatest value.")),
    "max_string_length": (400, _("Too long"), _("No number has that many digits.")),
    "invalid_choice": (400, _("No such choice"), _("The operation names the choices.")),
    "invalid_characters": (
        400,
        _("Characters that cannot be stored"),
        _("NUL and single surrogates are refused."),
    ),
    "unknown_field": (400, _("No such field"), _("The operation names the fields.")),
    "invalid_filter": (
        400,
        _("No such parameter"),
        _("It does not exist here, or occurs twice. The operation names the parameters."),
    ),
    "invalid_fields": (400, _("No such field to select"), _("The detail names those there are.")),
    "invalid_cursor": (
        400,
        _("No cursor of this list"),
        _("Take it from the link next, with the same other parameters."),
    ),
    # Repeated requests
    "invalid_idempotency_key": (
        400,
        _("No valid Idempotency-Key"),
        _("It has 1 to 255 printable ASCII characters."),
    ),
    "idempotency_key_reused": (
        422,
        _("The key stands for another request"),
        _("Take a new Idempotency-Key for a new request."),
    ),
    "request_in_flight": (
        409,
        _("The first request is still being answered"),
        _("Wait as long as Retry-After says, and send it again."),
    ),
    # The site
    "rate_limited": (
        429,
        _("Too many requests"),
        _("Wait as long as Retry-After says. RateLimit-* tell what is left."),
    ),
    "database_unavailable": (
        503,
        _("Out of order"),
        _("Try again later, with the same Idempotency-Key: the answer alone may have been lost."),
    ),
    "redis_unavailable": (
        503,
        _("Out of order"),
        _("Try again later, with the same Idempotency-Key: the answer alone may have been lost."),
    ),
    "mail_unavailable": (503, _("No mail can be sent"), _("Nothing was done. Try again later.")),
    "internal_error": (
        500,
        _("A fault of ours"),
        _("Please report it with the request_id."),
    ),
}
"""Status, title and sentence of each code."""
