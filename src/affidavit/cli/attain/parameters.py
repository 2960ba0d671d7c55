"""`affidavit attain parameters`: what is random in a model, and how it is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import command
from affidavit.cli.parameters import AsJson, Model, Seed, Weights

EXAMPLES = """Examples:

affidavit attain parameters network.py:net

affidavit attain parameters network.py:net --weights net.safetensors --all

Exit status: 0 the table was made, 3 it could not be done.
"""


@command
def parameters(
    model: Model,
    weights: Weights = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Constant parameters and unknown ones too.")
    ] = False,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """List the parameters that begin at random, what the code declares, and what the values say.

    Without --weights the factory is called under several seeds: what differs is random, and a test
    has as many values more.
    """
    import json
    from dataclasses import asdict

    from affidavit import evidence
    from affidavit.cli.attain.tables import parameters_notes, parameters_table
    from affidavit.cli.console import show
    from affidavit.contract.specification import Model as Section
    from affidavit.contract.subject import factory_of, live_model
    from affidavit.errors import ModelError
    from affidavit.initialization.finding import (
        find_random_parameters,
        only_random,
        require_random,
    )

    section = Section(source=model, weights=None if weights is None else str(weights))
    factory = factory_of(section, Path())
    if factory is None:
        raise ModelError(
            f"{model} holds weights, but no layers that declare how weights are drawn; expected a"
            " factory: package.module:function or file.py:function"
        )
    subject = factory.load() if weights is None else live_model(section, Path(), seed)
    found = find_random_parameters(subject)
    chosen = found if everything else only_random(found)
    if as_json:
        show(json.dumps(evidence.to_json([asdict(one) for one in chosen]), indent=2))
        return
    if not everything:
        require_random(found)
    show(parameters_table(chosen), *parameters_notes(chosen))
    show("p: of the test that the values are so drawn; below 0.05, doubt it.")
    others = len(found) - len(chosen)
    if others:
        show(f"{others} more that are not random: --all lists them")
