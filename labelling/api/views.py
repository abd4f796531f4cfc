"""The base of labelling's views for programs."""

from __future__ import annotations

from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.api.problems import ApiProblem
from accounts.api.views import ApiView
from accounts.models import User
from labelling.models import Campaign
from labelling.selectors.campaign_list import campaign_with_set
from labelling.selectors.desk import campaign_on_desk, reviewer_id_of
from labelling.selectors.rights import may_lead
from labelling.services.errors import LabellingError, LeaseUnknownError
from labelling.views.problem_details import Problem, problem_of

_NOBODY: Final = 0
"""Stands for the key of somebody without a reviewer row: no row has it."""


class LabellingView(ApiView):
    """A view of labelling: refusals as on its pages, and what the key's owner may see."""

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the refusal of a service with the status and words of the pages."""
        if isinstance(error, LeaseUnknownError):
            words = _("No pair was lent to you under this token.")
            return ApiProblem("not_found", words, status=404)
        if not isinstance(error, LabellingError):
            return None
        return _api_problem(problem_of(error))

    @property
    def owner(self) -> User:
        """Whose key it is."""
        owner: User = self.key.user
        return owner

    @property
    def leads(self) -> bool:
        """Whether the owner may see what reviewers must not."""
        return may_lead(self.owner)

    @property
    def reviewer_id(self) -> int:
        """The owner's key as a reviewer, or one that no reviewer has."""
        return reviewer_id_of(self.owner.pk) or _NOBODY

    def address(self, name: str, *args: Any) -> str:
        """Return the address of another route."""
        return self.request.build_absolute_uri(reverse(f"api:{name}", args=args))

    def visible_campaign(self, campaign_id: int) -> Campaign:
        """Return a campaign that the owner may know of: drafts are for leads."""
        find = campaign_with_set if self.leads else campaign_on_desk
        return _found(find(campaign_id))

    def campaign_to_grade(self, campaign_id: int) -> Campaign:
        """Return a campaign that is drawn."""
        return _found(campaign_on_desk(campaign_id))


def _api_problem(found: Problem) -> ApiProblem:
    return ApiProblem(
        found.code,
        found.detail,
        status=found.status,
        title=found.title,
        retry_after_s=found.retry_after_s,
    )


def _found(campaign: Campaign | None) -> Campaign:
    if campaign is None:
        raise ApiProblem("not_found", _("There is no such campaign."), status=404)
    return campaign
