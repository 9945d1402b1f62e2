"""The KPIs: what a wind speed means.

Every formula takes the speed ``v`` in metres a second and uses its magnitude, so that a direction given by a
sign does not matter.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

#: Density of dry air at 15 degrees Celsius and sea level, kg/m3. Source: ISO 2533:1975.
AIR_DENSITY = 1.225


@dataclass(frozen=True, kw_only=True, slots=True)
class Kpi:
    """One key figure."""

    name: str
    unit: str
    formula: Callable[[float], float]


def power_density(speed: float) -> float:
    """Return the power of the wind through a square metre: 0.5 * 1.225 * v**3, in W/m2."""
    return 0.5 * AIR_DENSITY * abs(speed) ** 3


def dynamic_pressure(speed: float) -> float:
    """Return the pressure of the wind on a wall: 0.5 * 1.225 * v**2, in Pa."""
    return 0.5 * AIR_DENSITY * abs(speed) ** 2


def beaufort(speed: float) -> float:
    """Return the wind's force on the Beaufort scale: (v / 0.836) ** (2 / 3), rounded, at most 12.

    Source: World Meteorological Organization, Manual on Codes, v = 0.836 * B**1.5.
    """
    return float(min(12, round(math.pow(abs(speed) / 0.836, 2 / 3))))


def knots(speed: float) -> float:
    """Return the speed as a pilot reads it: v * 3600 / 1852, in knots."""
    return abs(speed) * 3600 / 1852


#: KPI id -> KPI.
KPIS = {
    1: Kpi(name="Power density", unit="W/m2", formula=power_density),
    2: Kpi(name="Dynamic pressure", unit="Pa", formula=dynamic_pressure),
    3: Kpi(name="Beaufort force", unit="Bft", formula=beaufort),
    4: Kpi(name="Knots", unit="kn", formula=knots),
}
DEFAULT_KPI = 1


def compute(kpi_id: int, value: float) -> float:
    """Return the KPI ``kpi_id`` of a wind speed, rounded to six decimals.

    Args:
        kpi_id: a key of ``KPIS``.
        value: finite, in metres a second.

    Raises:
        KeyError: there is no such KPI.
        OverflowError: the result is too large for a float.
    """
    try:
        result = KPIS[kpi_id].formula(value)
    except OverflowError:
        result = math.inf
    if math.isinf(result):
        raise OverflowError(f"The KPI of {value:g} is too large for a number.")
    return round(result, 6)
