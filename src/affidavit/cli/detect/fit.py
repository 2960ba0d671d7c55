"""`affidavit detect fit`: a detector of wrong predictions, and baselines on the same rows."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from affidavit.cli.exits import command
from affidavit.cli.parameters import (
    DATA_PANEL,
    HOW_PANEL,
    MODEL_PANEL,
    AsJson,
    Data,
    Device,
    Label,
    Model,
    Output,
    Quiet,
    Rows,
    Seed,
    Shares,
    Size,
    Weights,
)

EXAMPLES = """Examples:

affidavit detect fit network.py:net --weights net.safetensors --data sklearn:digits
--split train=0.4,validation=0.3,test=0.3 --layer conv --out out/detector

affidavit detect fit digits.onnx --data sklearn:digits --part test --rows 0..899 --feature softmax
--feature label_change_rate --head logistic --policy recall_target:wrong=0.9 --out out/digits

affidavit detect fit network.py:net --weights net.safetensors --data sklearn:digits
--split train=0.4,validation=0.3,test=0.3 --scorer neighbours --option k=5 --against mlp_penultimate
--policy accept_share:0.8 --out out/neighbours

Exit status: 0 the detector was saved, 3 it could not be done.
"""

BASELINES = ("max_softmax", "temperature_scaled", "entropy", "margin", "energy", "mlp_logits")
"""What a detector is compared with, unless something else is named: logits suffice for these."""

_WHAT = "What the detector is"
_MUTANTS = "Mutants, for label_change_rate"
_COMPARED = "What it is compared with"


@command
def fit(
    model: Model,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the detector.", show_default=False)],
    weights: Weights = None,
    mean: Annotated[
        str | None,
        typer.Option(
            help="The model takes (x - mean) / std of the data's x: a number, or one a channel"
            " with commas. It is kept with the detector.",
            show_default=False,
            rich_help_panel=MODEL_PANEL,
        ),
    ] = None,
    std: Annotated[
        str | None,
        typer.Option(help="See --mean.", show_default=False, rich_help_panel=MODEL_PANEL),
    ] = None,
    output: Output = None,
    label: Label = None,
    size: Size = None,
    split: Shares = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="The part that is fitted on: data that the model was not trained on. By default"
            " validation. With train (as in the paper) --calibrate-on has to name another.",
            show_default=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    rows: Rows = None,
    calibrate_on: Annotated[
        str | None,
        typer.Option(
            help="The part that thresholds are chosen on; by default a share of the rows.",
            show_default=False,
            rich_help_panel=DATA_PANEL,
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(
            "--calibration-share",
            help="Share of the rows that is left for the thresholds.",
            rich_help_panel=DATA_PANEL,
        ),
    ] = 0.5,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="conductance and label_change_rate (default), conductance_parts,"
            " conductance_share, conductance_spread, contrast, softmax, logits, sorted_logits,"
            " penultimate, class, runner_up_class; repeat for several.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="What learns from them: mlp (default), joint_mlp, forest, boosting, lda, qda,"
            " logistic, vote.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Layer whose conductance counts: a module's path or a node's name; repeat for"
            " several.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    scorer: Annotated[
        str | None,
        typer.Option(
            help="Another scorer: joint, max_softmax, temperature_scaled, entropy, margin, energy,"
            " max_logit, max_logit_p_norm, doctor, neighbours, trust_score, mc_dropout,"
            " label_change_rate, mlp_logits, mlp_penultimate.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="A setting of the scorer, such as k=5; repeat for several.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    penultimate: Annotated[
        str | None,
        typer.Option(
            help="Layer whose input are the penultimate features; by default the last linear one.",
            show_default=False,
            rich_help_panel=_WHAT,
        ),
    ] = None,
    policy: Annotated[
        str,
        typer.Option(
            help="How the threshold is chosen: equal_recall, recall_target:wrong=0.95,"
            " recall_target:right=0.9,confidence=0.95, maximum_risk:0.05, accept_share:0.8 or"
            " fixed:0.5.",
            rich_help_panel=_WHAT,
        ),
    ] = "equal_recall",
    mutants: Annotated[int, typer.Option(min=1, help="How many.", rich_help_panel=_MUTANTS)] = 100,
    operator: Annotated[
        str, typer.Option(help="NAI, GF, WS or NS.", rich_help_panel=_MUTANTS)
    ] = "NAI",
    scheme: Annotated[
        str,
        typer.Option(help="Whose operators: wu, wang or deepmutation.", rich_help_panel=_MUTANTS),
    ] = "wu",
    rate: Annotated[
        float,
        typer.Option(
            help="Share of the units that a mutant changes; at least one.",
            rich_help_panel=_MUTANTS,
        ),
    ] = 0.002,
    keep_above: Annotated[
        float,
        typer.Option(
            help="Least share of the model's accuracy that a mutant keeps.",
            rich_help_panel=_MUTANTS,
        ),
    ] = 0.9,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Scorer that is fitted along on the same rows, for the report, or none; repeat for"
            f" several. Default: {', '.join(BASELINES)}.",
            show_default=False,
            rich_help_panel=_COMPARED,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, help="Bootstrap resamples.", rich_help_panel=_COMPARED)
    ] = 1000,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Inputs at once.", rich_help_panel=HOW_PANEL)
    ] = 64,
    device: Device = "cpu",
    seed: Seed = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fit a detector on data whose classes are known, and choose the score it refuses from."""
    import json

    from affidavit.cli.console import show
    from affidavit.cli.detect.asked import Wanted, asked_of, facts_of
    from affidavit.cli.detect.files import write_detector
    from affidavit.cli.detect.fitting import Mutation
    from affidavit.cli.detect.fitting import fit as fitted
    from affidavit.cli.detect.setup import Subject
    from affidavit.cli.detect.tables import fit_record, fit_table
    from affidavit.cli.folders import prepare

    prepare(out)
    progress = not quiet and sys.stderr.isatty()
    wanted = Wanted(
        part, rows, calibrate_on, share, tuple(feature or ()), head, tuple(layer or ()), scorer,
        tuple(option or ()), penultimate, policy,
        Mutation(mutants, operator, scheme, rate, keep_above),
        tuple(BASELINES if against is None else against), samples, batch_size,
    )  # fmt: skip
    subject = Subject(model, weights, data, label, split, size, seed, device)
    asked = asked_of(subject, wanted, (mean, std, output), progress)
    found = fitted(asked.task, asked.chosen, asked.calibration)
    facts = facts_of(subject, wanted, asked, found)
    used = [asked.chosen, *([] if asked.calibration is None else [asked.calibration])]
    write_detector(found, asked.preparation, asked.dataset, used, facts, out)
    if as_json:
        show(json.dumps(fit_record(facts, found), indent=2))
    elif not quiet:
        show(*facts["in_words"], fit_table(found), *found.notes)
        show(f"Written to {out}")
