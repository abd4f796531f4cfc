"""The page that asks for the second factor after the password."""

from __future__ import annotations

from typing import Any

from allauth.account.stages import LoginStageController
from allauth.mfa.base import views
from allauth.mfa.stages import AuthenticateStage
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator

from accounts.selectors.second_factors import has_second_factor
from accounts.views.transactions import in_one_transaction


@method_decorator(in_one_transaction, name="dispatch")
class AuthenticateView(views.AuthenticateView):
    """Asks for the second factor; if it or the account is gone by now, log-in begins anew."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer."""
        stage = LoginStageController.enter(request, AuthenticateStage.key)
        user = stage and stage.login.user
        gone = stage and not (user and has_second_factor(user.pk))
        answer: HttpResponseBase = (
            stage.abort() if gone else super().dispatch(request, *args, **kwargs)
        )
        return answer
