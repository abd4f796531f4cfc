"""What the person who looks at a page may do in labelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import template

from labelling.selectors.rights import may_lead, may_review

register = template.Library()


@dataclass(frozen=True, slots=True)
class Rights:
    """The rights of one person."""

    reviews: bool = False
    leads: bool = False


@register.simple_tag(takes_context=True)
def labelling_rights(context: Mapping[str, Any]) -> Rights:
    """Return the rights of the page's user: one query if logged in, else none."""
    user = context.get("user")
    if user is None or not user.is_authenticated:  # pages without a request have no user
        return Rights()
    return Rights(reviews=may_review(user), leads=may_lead(user))
