"""The pages of guidelines: versions, drafts, their examples."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labelling.models import Guideline, GuidelineExample
from labelling.selectors.guideline_details import guideline_with_examples
from labelling.selectors.guidelines import guidelines as all_guidelines
from labelling.services import guidelines as services
from labelling.services.errors import LabellingError
from labelling.views.access import actor_of, lead_required
from labelling.views.guideline_forms import GuidelineBodyForm, GuidelineForm
from labelling.views.pair_choice import ChosenPairForm, choice_context, chosen_pair
from labelling.views.refusals import refusal_words
from labelling.views.tables import Column, sorted_table

_COLUMNS: Final[tuple[Column[Any], ...]] = (
    Column(gettext_lazy("Title"), "title", lambda row: row.title.lower()),
    Column(gettext_lazy("Version"), "version", lambda row: row.version, figures=True),
    Column(gettext_lazy("State"), "state", lambda row: row.published_at is not None),
    Column(gettext_lazy("Examples"), "examples", lambda row: row.example_count, figures=True),
    Column(gettext_lazy("Campaigns"), "campaigns", lambda row: row.campaign_count, figures=True),
    Column(gettext_lazy("Made"), "made", lambda row: row.made_at, figures=True),
)


@require_safe
@never_cache
@lead_required
def guidelines(request: HttpRequest) -> HttpResponse:
    """Show all versions of all guidelines."""
    table = sorted_table(request, all_guidelines(), _COLUMNS, default="")
    return render(request, "labelling/guidelines.html", {"tab": "guidelines", "table": table})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def guideline_new(request: HttpRequest) -> HttpResponse:
    """Make a guideline."""
    form = GuidelineForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            made = services.make_guideline(**form.cleaned_data, lead_id=actor_of(request))
        except LabellingError as error:
            form.add_error(None, refusal_words(error))
        else:
            messages.success(request, _("The draft is saved. Add examples, then publish it."))
            return _to_guideline(made.pk)
    return _form_page(request, form)


@require_safe
@never_cache
@lead_required
def guideline(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Show a version with its examples."""
    return _page(request, _guideline_or_404(guideline_id))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@lead_required
def guideline_edit(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Change the text of a draft."""
    shown = _guideline_or_404(guideline_id)
    if shown.published_at is not None:
        messages.error(request, _("This version is published: make a new version to change it."))
        return _to_guideline(guideline_id)
    if request.method != "POST":
        return _form_page(request, GuidelineBodyForm(instance=shown), shown)
    form = GuidelineBodyForm(request.POST, instance=shown)
    if not form.is_valid():
        return _form_page(request, form, shown)
    return _act(
        request,
        guideline_id,
        lambda: services.change_guideline(
            guideline_id=guideline_id, body=form.cleaned_data["body"], lead_id=actor_of(request)
        ),
        done=_("The draft is saved."),
    )


@require_POST
@lead_required
def guideline_publish(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Publish a draft: it can be used by campaigns, and no longer be changed."""
    return _act(
        request,
        guideline_id,
        lambda: services.publish_guideline(guideline_id=guideline_id, lead_id=actor_of(request)),
        done=_("The guideline is published. Campaigns can use it."),
    )


@require_POST
@lead_required
def guideline_delete(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Delete a draft that no campaign uses."""
    _guideline_or_404(guideline_id)
    try:
        services.delete_guideline(guideline_id=guideline_id, lead_id=actor_of(request))
    except LabellingError:
        messages.error(
            request, _("Nothing was deleted: the version is published, or a campaign uses it.")
        )
        return _to_guideline(guideline_id)
    messages.success(request, _("The draft is deleted."))
    return HttpResponseRedirect(reverse("labelling:guidelines"), status=303)


@require_POST
@lead_required
def guideline_version(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Make a draft of the next version."""
    try:
        draft = services.next_version(guideline_id=guideline_id, lead_id=actor_of(request))
    except Guideline.DoesNotExist as error:
        raise Http404(str(error)) from error
    except LabellingError as error:
        messages.error(request, refusal_words(error))
        return _to_guideline(guideline_id)
    messages.success(request, _("This is the draft of the next version."))
    return _to_guideline(draft.pk)


@require_POST
@lead_required
def example_new(request: HttpRequest, guideline_id: int) -> HttpResponse:
    """Add an example to a draft."""
    shown = _guideline_or_404(guideline_id)
    form = chosen_pair(request)
    if not form.is_valid():
        return _page(request, shown, form=form)
    given = form.cleaned_data
    return _act(
        request,
        guideline_id,
        lambda: services.add_example(
            guideline_id=guideline_id,
            scene_id=given["photo"],
            clip_id=given["clip"],
            grade=given["grade"],
            why=given["reason"],
            lead_id=actor_of(request),
        ),
        done=_("The example is added."),
    )


@require_POST
@lead_required
def example_remove(request: HttpRequest, guideline_id: int, example_id: int) -> HttpResponse:
    """Take an example out of a draft."""
    return _act(
        request,
        guideline_id,
        lambda: services.remove_example(example_id=example_id, lead_id=actor_of(request)),
        done=_("The example is removed."),
    )


def _act(request: HttpRequest, guideline_id: int, act: Any, *, done: str) -> HttpResponse:
    try:
        act()
    except (Guideline.DoesNotExist, GuidelineExample.DoesNotExist) as error:
        raise Http404(str(error)) from error
    except (LabellingError, ValidationError) as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, done)
    return _to_guideline(guideline_id)


def _to_guideline(guideline_id: int) -> HttpResponse:
    page = reverse("labelling:guideline", args=[guideline_id])
    return HttpResponseRedirect(page, status=303)


def _guideline_or_404(guideline_id: int) -> Guideline:
    found = guideline_with_examples(guideline_id)
    if found is None:
        raise Http404(f"there is no guideline {guideline_id}")
    return found


def _page(
    request: HttpRequest, shown: Guideline, *, form: ChosenPairForm | None = None
) -> HttpResponse:
    context = {"tab": "guidelines", "guideline": shown}
    if shown.published_at is None:
        context |= choice_context(request, form=form)
    return render(request, "labelling/guideline.html", context, status=422 if form else 200)


def _form_page(request: HttpRequest, form: Any, shown: Guideline | None = None) -> HttpResponse:
    context = {"tab": "guidelines", "form": form, "guideline": shown}
    status = 422 if form.is_bound else 200
    return render(request, "labelling/guideline_form.html", context, status=status)
