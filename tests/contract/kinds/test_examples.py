"""Every claim kind ships an example of each verdict; all are audited."""

from __future__ import annotations

from pathlib import Path

import pytest

from affidavit.contract import KINDS, audit, read_contract
from affidavit.evidence import Verdict

EXAMPLES = Path(__file__).parents[3] / "examples" / "claims"


@pytest.mark.parametrize("verdict", list(Verdict))
@pytest.mark.parametrize("kind", KINDS)
def test_the_example_has_the_verdict_it_is_named_after(kind: str, verdict: Verdict) -> None:
    path = EXAMPLES / f"{kind}-{verdict}.toml"
    assert all(claim.kind == kind for claim in read_contract(path).claim)
    affidavit = audit(path)
    assert [statement.verdict for statement in affidavit.statements] == [verdict]


def test_no_example_is_left_over() -> None:
    expected = {f"{kind}-{verdict}.toml" for kind in KINDS for verdict in Verdict}
    assert {path.name for path in EXAMPLES.glob("*.toml")} == expected
