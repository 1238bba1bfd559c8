"""`within`: polygons and circles, the boundary inside, both back ends equal to the bit."""

import math

import numpy as np
import pytest
from depth import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from language import FENCES, VEHICLE
from row_by_row import scalar_of

from gateway.domain.fence import Fence
from rules.compiled import Expression
from rules.expr.attribute_test import where
from rules.expr.compile import condition, meaning
from rules.expr.name_scope import NameScope

NAN = math.nan
EARTH = 6_371_008.8


def compiled(fence: Fence) -> Expression:
    return condition("within(lat, lon, 'x')", NameScope(VEHICLE.vocabulary, fences={"x": fence}))[0]


def both(expression: Expression, lat: float, lon: float) -> float:
    result = scalar_of(expression)([lat, lon])
    np.testing.assert_array_equal(expression.vector([np.array([lat]), np.array([lon])]), [result])
    return result


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        (30.2, 120.5, 1.0),
        (30.0, 120.0, 1.0),
        (30.0, 120.5, 1.0),
        (30.4, 121.0, 1.0),
        (30.5, 120.5, 1.0),
        (30.75, 120.75, 1.0),
        (30.8, 120.5, 0.0),
        (31.0, 120.0, 1.0),
        (31.0, 120.5, 0.0),
        (30.0, 119.999999, 0.0),
        (30.0, 121.0000001, 0.0),
        (-30.2, 120.5, 0.0),
        (NAN, 120.5, NAN),
        (30.2, NAN, NAN),
        (math.inf, 120.5, NAN),
        (30.2, -math.inf, NAN),
        (90.5, 120.5, NAN),
        (30.2, 1e300, NAN),
    ],
)
def test_a_yard_with_a_notch(lat: float, lon: float, expected: float) -> None:
    np.testing.assert_equal(both(compiled(FENCES["yard"]), lat, lon), expected)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("start", range(5))
def test_the_first_corner_and_the_direction_do_not_matter(start: int, reverse: bool) -> None:
    corners = FENCES["yard"].polygon[start:] + FENCES["yard"].polygon[:start]
    turned = compiled(Fence("x", corners[::-1] if reverse else corners))
    plain = compiled(FENCES["yard"])
    grid = [(29.9 + i * 0.1, 119.9 + j * 0.1) for i in range(13) for j in range(13)]
    assert [both(turned, *place) for place in grid] == [both(plain, *place) for place in grid]


@pytest.mark.parametrize(
    ("lon", "expected"), [(179.5, 1.0), (-179.5, 1.0), (180.0, 1.0), (-180.0, 1.0), (178.9, 0.0), (0.0, 0.0)]
)
def test_over_the_date_line(lon: float, expected: float) -> None:
    assert both(compiled(FENCES["date_line"]), 11.0, lon) == expected


def test_a_circle_to_the_metre() -> None:
    fence = Fence("x", centre=(30.0, 120.0), radius=1_000.0)
    north, east = 1_000.0 / EARTH * 180 / math.pi, 1_000.0 / (EARTH * math.cos(math.radians(30))) * 180 / math.pi
    inside = compiled(fence)
    assert both(inside, 30.0, 120.0) == 1.0
    assert [both(inside, 30.0 + north * k, 120.0) for k in (0.999, 1.001, -0.999, -1.001)] == [1.0, 0.0, 1.0, 0.0]
    assert [both(inside, 30.0, 120.0 + east * k) for k in (0.999, 1.001, -0.999, -1.001)] == [1.0, 0.0, 1.0, 0.0]
    assert both(inside, 89.0, -60.0) == 0.0
    assert both(inside, NAN, 120.0) != both(inside, 30.0, 120.0)


@settings(deadline=None, max_examples=examples(40))
@given(st.floats(-60, 60), st.floats(-180, 180), st.floats(0, 2 * math.pi), st.floats(0.01, 3))
def test_a_circle_is_a_great_circle(lat: float, lon: float, course: float, times: float) -> None:
    """Against the haversine of the textbook, except within a thousandth of the rim."""
    if abs(times - 1) < 1e-3:
        return
    radius = 20_000.0
    fence = compiled(Fence("x", centre=(lat, lon), radius=radius))
    angle, start = radius * times / EARTH, math.radians(lat)
    end = math.asin(math.sin(start) * math.cos(angle) + math.cos(start) * math.sin(angle) * math.cos(course))
    turn = math.atan2(
        math.sin(course) * math.sin(angle) * math.cos(start), math.cos(angle) - math.sin(start) * math.sin(end)
    )
    assert both(fence, math.degrees(end), lon + math.degrees(turn)) == float(times < 1)


CORNER = st.tuples(st.integers(-5, 5).map(float), st.integers(-5, 5).map(float))


@settings(deadline=None, max_examples=examples(50))
@given(
    st.lists(CORNER, min_size=3, max_size=8),
    st.lists(st.tuples(st.one_of(st.integers(-6, 6).map(float), st.floats(-6, 6)), st.floats(-6, 6)), min_size=1),
)
def test_any_polygon_agrees(corners: list[tuple[float, float]], places: list[tuple[float, float]]) -> None:
    expression = compiled(Fence("x", tuple(corners)))
    lat, lon = (np.array(column) for column in zip(*places, strict=True))
    np.testing.assert_array_equal(expression.vector([lat, lon]), [scalar_of(expression)(place) for place in places])
    assert all(both(expression, *corner) == 1.0 for corner in corners)


def test_a_moved_fence_is_another_meaning() -> None:
    moved = NameScope(VEHICLE.vocabulary, fences={"yard": Fence("yard", FENCES["yard"].polygon[:4])})
    texts = [meaning(*condition("within(lat, lon, 'yard')", scope)) for scope in (VEHICLE, moved)]
    assert texts[0] != texts[1]
    circle = meaning(*condition("within(lat, lon, 'depot')", VEHICLE))
    assert "30,120 1000" in circle


def test_in_where() -> None:
    test, printed = where("within(lat, lon, 'yard')", FENCES)
    assert printed == "within(lat, lon, 'yard')"
    assert test({"lat": 30.2, "lon": "120.5"}) is True
    assert test({"lat": 33.2, "lon": 120.5}) is False
    assert test({"lat": 33.2}) is None
    assert test({"lat": 255, "lon": 255}) is None
