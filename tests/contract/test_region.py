"""The keys that say which inputs a claim is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from affidavit.contract import Context
from affidavit.contract.reading import contract_from
from affidavit.contract.region import RegionKeys
from affidavit.data import Dataset
from affidavit.errors import ContractError, DataError
from affidavit.regions import Box, Slice

Loans = Callable[..., Context]


def test_the_data_give_the_bounds_that_are_not_said(loans: Loans) -> None:
    place = RegionKeys(region={"age": (2, 3)}).place(loans())
    assert isinstance(place.domain, Box)
    assert place.lower.tolist() == [2, 0]
    assert place.upper.tolist() == [3, 10]
    assert RegionKeys().place(loans()).upper.tolist() == [10, 10]


def test_features_by_number_and_fixed_values(loans: Loans) -> None:
    place = RegionKeys(region={"1": 3}).place(loans())
    assert (place.lower.tolist(), place.upper.tolist()) == ([0, 3], [10, 3])
    assert place.free.tolist() == [True, False]


def test_around_a_row(loans: Loans) -> None:
    near = {"row": 3 + 11 * 10, "radius": 0.1, "part": "test"}
    place = RegionKeys(around=near).place(loans())  # type: ignore[arg-type]
    # Row 113 is (3, 10): the box is cut off where the data end.
    assert (place.lower.tolist(), place.upper.tolist()) == ([2, 9], [4, 10])
    beyond = RegionKeys(around=near, beyond_data=True).place(loans())  # type: ignore[arg-type]
    assert beyond.upper.tolist() == [4, 11]
    alone = RegionKeys(around={**near, "radius": {"age": 0.2}}).place(loans())  # type: ignore[arg-type]
    assert (alone.lower.tolist(), alone.upper.tolist()) == ([1, 10], [5, 10])
    both = RegionKeys(around=near, region={"net debt": [0, 1]}).place(loans())  # type: ignore[arg-type]
    assert (both.lower.tolist(), both.upper.tolist()) == ([2, 0], [4, 1])


def test_a_slice(loans: Loans) -> None:
    place = RegionKeys(slice={"features": ["age"], "at": "mean"}).place(loans())  # type: ignore[arg-type]
    assert (place.lower.tolist(), place.upper.tolist()) == ([0, 5], [10, 5])
    place = RegionKeys(slice={"features": [1], "at": 4}).place(loans())  # type: ignore[arg-type]
    assert (place.lower.tolist(), place.upper.tolist()) == ([4, 0], [4, 10])


def test_constraints(loans: Loans) -> None:
    keys = RegionKeys(where=["age + 'net debt' <= 4", "age >= 1"])
    place = keys.place(loans())
    assert isinstance(place.domain, Slice)
    assert place.holds(np.array([2.0, 2.0]))
    assert not place.holds(np.array([2.0, 2.1]))
    assert not place.holds(np.array([0.5, 0.5]))
    fixed = RegionKeys(region={"net debt": 3}, where=["age + 'net debt' <= 4"]).place(loans())
    assert isinstance(fixed.domain, Slice)
    assert fixed.domain.A.tolist() == [[1.0]]
    assert fixed.domain.b.tolist() == [1.0]
    # What fixed features alone decide is no constraint.
    idle = RegionKeys(region={"net debt": 3}, where=["'net debt' <= 4"]).place(loans())
    assert isinstance(idle.domain, Box)


def test_a_region_that_reaches_beyond_the_data_says_so(loans: Loans) -> None:
    place = RegionKeys(region={"age": [-5, 3]}).place(loans())
    assert "reaches beyond the data in age (data: [0, 10], region: [-5, 3])" in place.remarks[-1]
    beyond = RegionKeys(region={"age": 30}, beyond_data=True).place(loans())
    assert beyond.lower[0] == 30


def test_bounds_in_single_precision_are_the_datas_own(loans: Loans) -> None:
    inputs = np.array([[0.1, 0.0], [0.7, 1.0]], np.float32)
    context = loans(inputs=inputs, labels=np.array([0, 1]))
    # 0.1 is above the single-precision number next to it, 0.7 below: both are the data's bounds.
    place = RegionKeys(region={"age": 0.7}).place(context)
    assert len(place.remarks) == 1


@pytest.mark.parametrize(
    ("keys", "error", "message"),
    [
        ({"region": {"agee": 3}}, DataError, r"no feature 'agee' \(did you mean 'age'\?\)"),
        ({"region": {"2": 3}}, DataError, "no feature '2'"),
        ({"region": {"age": 30}}, ContractError, r"age = 30 lies outside .*\[0, 10\]; say beyond"),
        ({"region": {"age": [11, 12]}}, ContractError, r"age = \[11, 12\] lies outside"),
        ({"region": {"age": 1, "net debt": 2}}, ContractError, "is a single input"),
        ({"around": {"row": 121, "radius": 0.1}}, DataError, "no row 121: it has 121 rows"),
        ({"around": {"row": 1, "radius": 0.1, "part": "tst"}}, DataError, "no part 'tst'"),
        ({"slice": {"features": ["x"], "at": 1}}, DataError, "no feature 'x'"),
        ({"where": ["income <= 3"]}, DataError, "no feature 'income'"),
        (
            {"region": {"age": 3}, "where": ["age <= 2"]},
            ContractError,
            "contradicts the values at which its features are held",
        ),
    ],
)
def test_what_the_data_refuse(
    loans: Loans, keys: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        RegionKeys(**keys).place(loans())


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"region": [1, 2]}, "expected a table such as"),
        ({"region": {"age": "old"}}, r"'age': expected an interval \[lower, upper\] or a number"),
        ({"region": {"age": [1, 2, 3]}}, "expected an interval"),
        ({"region": {"age": True}}, "expected an interval"),
        ({"region": {"age": [0, float("inf")]}}, "expected an interval"),
        ({"region": {"age": [18, 0]}}, r"the interval \[18, 0\] is empty; the lower end comes"),
        ({"around": {"row": 1}}, "radius: missing"),
        ({"around": {"row": 1, "radius": 0}}, "expected a number above 0"),
        ({"around": {"row": -1, "radius": 1}}, "greater than or equal to 0"),
        ({"slice": {"features": [], "at": 1}}, "at least 1 item"),
        ({"slice": {"features": [1], "at": "median"}}, 'expected "mean" or the number of a row'),
        (
            {"around": {"row": 1, "radius": 1}, "slice": {"features": [1], "at": 1}},
            "around and slice exclude each other",
        ),
        ({"where": ["age < 2"]}, "cannot be read"),
    ],
)
def test_what_is_refused_at_once(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message):
        RegionKeys(**keys)


def test_categories_and_columns_have_hints(loans: Loans) -> None:
    inputs = np.zeros((2, 2), np.float32)
    context = loans(
        inputs=inputs,
        labels=np.array([0, 1]),
        feature_names=("sex=f", "sex=m"),
        columns={"job": np.array(["a", "b"])},
    )
    with pytest.raises(DataError, match="'sex': its values are coded as the features sex=f, sex=m"):
        RegionKeys(region={"sex": 1}).place(context)
    with pytest.raises(DataError, match="'job': it is a column of the data, but no input"):
        RegionKeys(region={"job": 1}).place(context)


def test_features_of_images_have_places() -> None:
    inputs = np.zeros((1, 1, 2, 2), np.float32)
    images = Dataset(name="i", inputs=inputs, labels=np.zeros(1, int), class_names=("a",))
    context = Context(graph=None, dataset=images)  # type: ignore[arg-type]
    place = RegionKeys(region={"[0, 1, 0]": 0.5, "3": 0.25}).place(context)
    assert place.lower.tolist() == [0, 0, 0.5, 0.25]
    assert place.upper.tolist() == [1, 1, 0.5, 0.25]
    assert place.names[2] == "[0, 1, 0]"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({}, " anywhere in the data's range"),
        (
            {"region": {"age": [0, 18], "income": 3}, "where": ["a <= 2"]},
            " where age is in [0, 18] and income is 3 and a <= 2, all other features anywhere in"
            " the data's range",
        ),
        (
            {"around": {"row": 3, "radius": 0.1}},
            " within 0.1 of each feature's range around row 3 of test",
        ),
        (
            {"around": {"row": 3, "radius": {"age": 0.5}, "part": "train"}},
            " near row 3 of train (within these shares of a feature's range: age 0.5)",
        ),
        (
            {"slice": {"features": ["age", 3], "at": "mean"}},
            " with all features but age, 3 as in their means in test",
        ),
    ],
)
def test_the_region_in_words(keys: dict[str, Any], text: str) -> None:
    assert RegionKeys(**keys).where_text == text


def test_faults_in_a_file_name_the_key() -> None:
    claim = {
        "id": "a",
        "kind": "decision",
        "never": "x",
        "region": {"age": [3, 1]},
        "around": {"rwo": 1, "radius": -1},
    }
    content = {"model": {"source": "m.onnx"}, "data": {"source": "d.csv"}, "claim": [claim]}
    with pytest.raises(ContractError) as caught:
        contract_from(content)
    text = str(caught.value)
    assert "region: 'age': the interval [3, 1] is empty" in text
    assert "around.row: missing; expected number of the row" in text
    assert "around.rwo: unknown key (did you mean 'row'?)" in text
    assert "around.radius: expected a number above 0" in text
