"""A small API: what its description must say is known, whatever the real one's routes are."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from accounts.api.idempotency import once
from accounts.api.parsing import StrictMultiPartParser
from accounts.api.schema import operation, page_serializer
from accounts.api.serializers import InputSerializer, OutputSerializer, PageQuerySerializer
from accounts.api.views import ApiView
from accounts.models import ApiKey
from accounts.scopes import Scope


class BellSerializer(OutputSerializer):
    """A bell."""

    id = serializers.IntegerField()
    name = serializers.CharField(help_text="What is cast on it.")
    created = serializers.DateTimeField(allow_null=True)


class NewBellSerializer(InputSerializer):
    """A bell to cast."""

    name = serializers.CharField(max_length=40)
    metal = serializers.ChoiceField(choices=["bronze", "iron"])
    weight_kg = serializers.FloatField(required=False, min_value=1, max_value=1000)


class NewSoundSerializer(InputSerializer):
    """The sound of a bell."""

    sound = serializers.FileField()
    name = serializers.CharField(required=False)


class BellsView(ApiView):
    """All bells."""

    scopes = {"POST": Scope.CLIPS_WRITE}
    query = {"GET": PageQuerySerializer}

    @operation(
        operation_id="listBells",
        summary="List bells",
        answers={200: page_serializer(BellSerializer)},
        query=PageQuerySerializer,
        tag="Bells",
    )
    def get(self, request):
        return self.present_page(BellSerializer, ApiKey.objects.all(), order=("-created", "-id"))

    @operation(
        operation_id="castBell",
        summary="Cast a bell",
        body=NewBellSerializer,
        answers={201: BellSerializer},
        idempotent=True,
        tag="Bells",
    )
    def post(self, request):
        wanted = self.sent(NewBellSerializer)
        bell = {"id": 1, "name": wanted["name"], "created": None}
        return once(self, wanted, lambda: Response(self.present(BellSerializer, bell), 201))


class BellView(ApiView):
    """One bell."""

    scopes = {"DELETE": Scope.CLIPS_WRITE}

    @operation(
        operation_id="meltBell",
        summary="Melt a bell",
        answers={204: None},
        problems=(404,),
        tag="Bells",
    )
    def delete(self, request, bell_id):
        return Response(status=204)


class SoundView(ApiView):
    """The sound of a bell."""

    parser_classes = [StrictMultiPartParser, JSONParser]

    @operation(
        operation_id="recordBell",
        summary="Record a bell",
        body={"multipart/form-data": NewSoundSerializer},
        answers={201: BellSerializer},
        tag="Sounds",
    )
    def post(self, request, bell_id):
        wanted = self.sent(NewSoundSerializer)
        bell = {"id": bell_id, "name": wanted["sound"].name, "created": None}
        return Response(self.present(BellSerializer, bell), 201)


class NewWeightSerializer(InputSerializer):
    """A weight, in a form."""

    weight_kg = serializers.FloatField()


class WeightView(ApiView):
    """The weight of a bell, which takes forms and is not described."""

    parser_classes = [StrictMultiPartParser]

    @extend_schema(exclude=True)
    def post(self, request, bell_id):
        return Response(self.sent(NewWeightSerializer))


urlpatterns = [
    path("api/v1/bells", BellsView.as_view()),
    path("api/v1/bells/<int:bell_id>", BellView.as_view()),
    path("api/v1/bells/<int:bell_id>/weight", WeightView.as_view()),
    path("api/v1/bells/<int:bell_id>/sound", SoundView.as_view()),
]
