from __future__ import annotations

import math
from collections.abc import Callable

from affidavit.evidence import Estimate, IntervalChart, MatrixChart, Statement, Table, Verdict
from affidavit.report import plates


def test_numbers_stand_right_and_words_left() -> None:
    table = Table("t", ("name", "count", "mixed"), (("a", 1, 2.5), ("b", None, "x")))
    assert plates.grid(table).kinds == ("brief", "num", "brief")
    assert plates.grid(Table("t", ("a",), (("word " * 9,),))).kinds == ("long",)
    assert plates.grid(Table("t", ("a",), ((True,), (False,)))).kinds == ("brief",)


def test_long_and_broad_tables() -> None:
    rows = tuple((i,) for i in range(plates.ROWS + 5))
    assert plates.grid(Table("t", ("n",), rows)).left_out == 5
    assert not plates.grid(Table("t", ("n",), rows)).broad
    assert plates.grid(Table("t", ("n",) * 13, ())).broad


def test_a_chart_brings_its_numbers(make_statement: Callable[..., Statement]) -> None:
    estimates = (
        Estimate("a", 0.5, 0.4, 0.6, 0.3, 0.9, Verdict.HOLDS),
        Estimate("b", None, -math.inf, 0.6),
    )
    statement = make_statement(exhibits=(IntervalChart("t", "axis", estimates),))
    (plate,) = plates.plates(statement, "k")
    assert plate.grid is not None
    assert plate.grid.rows == (
        ("a", "0.5", "[0.4, 0.6]", "at least 0.3, at most 0.9", "holds"),
        ("b", "–", "at most 0.6", "–", "–"),
    )
    assert not plate.repeated  # the bounds are not written in the figure


def test_a_large_matrix_brings_its_largest_counts(
    make_statement: Callable[..., Statement], make_matrix_chart: Callable[..., MatrixChart]
) -> None:
    statement = make_statement(exhibits=(make_matrix_chart(5), make_matrix_chart(50)))
    small, large = plates.plates(statement, "k")
    assert small.grid is not None
    assert large.grid is not None
    assert (small.repeated, large.repeated) == (True, False)
    assert len(small.grid.rows) == 5
    assert large.grid.title == "Largest counts off the diagonal"


def test_empty_exhibits(
    make_statement: Callable[..., Statement], make_matrix_chart: Callable[..., MatrixChart]
) -> None:
    exhibits = (make_matrix_chart(0), IntervalChart("t", "a", ()), Table("t", (), ()))
    matrix, chart, table = plates.plates(make_statement(exhibits=exhibits), "k")
    assert (matrix.figures, matrix.grid) == ((), None)
    assert (chart.figures, chart.grid) == ((), None)
    assert table.grid is not None
    assert table.grid.rows == ()
