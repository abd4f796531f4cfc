"""The base of the API's views that concern photos and recordings."""

from __future__ import annotations

from accounts.api.problems import ApiProblem
from accounts.api.views import ApiView
from retrieval.engine.errors import EngineError
from retrieval.views.problems import REFUSALS, Problem, problem, problem_of_refusal


class RetrievalView(ApiView):
    """Answers the refusals of retrieval's services with the status and words of the pages."""

    def problem_of(self, error: Exception) -> ApiProblem | None:
        """Return the problem that stands for a refusal of a service."""
        if isinstance(error, REFUSALS):
            return as_api_problem(problem_of_refusal(error))
        if isinstance(error, EngineError):
            return as_api_problem(problem(error.code, error.detail))
        return super().problem_of(error)


def as_api_problem(found: Problem) -> ApiProblem:
    """Return a problem of the pages as one of the API."""
    return ApiProblem(
        found.code,
        found.detail,
        status=found.status,
        title=found.title,
        retry_after_s=found.retry_after_s,
    )
