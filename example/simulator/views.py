"""The endpoint that the simulators call."""

import math
from typing import Any

from rest_framework import serializers
from rest_framework.parsers import FormParser, JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from simulator.kpi import DEFAULT_KPI, KPIS, compute
from windsock.django.api.signed_in import SignedIn


class AnyNumberParser(JSONParser):
    """Reads NaN and Infinity too, so that the field can refuse them by its name."""

    strict = False


class FiniteField(serializers.FloatField):
    """A number that is neither infinite nor NaN."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise serializers.ValidationError("A finite number is required.", code="not_finite")
        return number


class KpiSerializer(serializers.Serializer[Any]):
    """The question: a wind speed in metres a second, and which KPI of it."""

    value = FiniteField()
    kpi_id = serializers.ChoiceField(choices=sorted(KPIS), default=DEFAULT_KPI)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            attrs["result"] = compute(attrs["kpi_id"], attrs["value"])
        except OverflowError as error:
            raise serializers.ValidationError({"value": str(error)}) from error
        return attrs


class KpiView(SignedIn):
    """Compute a KPI; the formulas stand in ``simulator.kpi``."""

    parser_classes = (AnyNumberParser, FormParser)

    def get(self, request: Request) -> Response:
        """Answer ``?value=7.5&kpi_id=1``."""
        return self.answer(request.query_params)

    def post(self, request: Request) -> Response:
        """Answer ``{"value": 7.5, "kpi_id": 1}``."""
        return self.answer(request.data)

    def answer(self, question: Any) -> Response:
        serializer = KpiSerializer(data=question)
        serializer.is_valid(raise_exception=True)
        asked = serializer.validated_data
        kpi = KPIS[asked["kpi_id"]]
        return Response(
            {
                "kpi_id": asked["kpi_id"],
                "name": kpi.name,
                "unit": kpi.unit,
                "value": asked["value"],
                "result": asked["result"],
            }
        )
