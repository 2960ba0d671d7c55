"""Which detector finds the wrong predictions of ResNet-20 on CIFAR-10: Table 4, Figures 5 and 6.

The 10,000 test images, which the network never saw, in two halves: detectors are fitted, chosen and
their thresholds set on the first; the second is scored once. Every method sees the same halves, and
is compared on the same resamples. Which of the joint detectors speaks for them all is decided by
cross-validation within the first half.

The paper's way is there too: detectors fitted on images that the network was trained on, thresholds
on the first half. The data are CIFAR-10 re-encoded as JPEG.

    python -m experiments.misclassification.cifar
    python -m experiments.misclassification.cifar --name trained --weights WORK/resnet20.safetensors
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from affidavit.misclassification import auroc, cascade, cascade_at, compare, confusion
from affidavit.misclassification.comparison import Comparison
from affidavit.misclassification.extraction import Extraction, graph_of
from affidavit.misclassification.heads import Boosting, Logistic, Perceptron, Vote, head
from affidavit.misclassification.pictures import (
    cascade_curves,
    risk_coverage_curves,
    roc_curves,
)
from affidavit.misclassification.policies import EqualRecall, RecallTarget
from affidavit.misclassification.scorers import SCORERS, Joint, Learned, Scorer
from affidavit.misclassification.signals import Signals
from affidavit.misclassification.tables import markdown
from experiments.misclassification.signals import LAST, LAYERS, cifar, drawn, network, signals
from experiments.recording import arguments, record, say, timed

mpl.use("Agg")

Labels: TypeAlias = NDArray[np.int64]

WITHOUT = ("mc_dropout", "ensemble", "learned", "joint")
"""No baselines here: this network has no dropout, and there is one of it."""

SHOWN = ("auroc", "fpr_at_95_tpr", "aupr_wrong", "aurc", "e_aurc", "augrc", "risk_at_coverage_0.8")

PAPER = {
    "conductance (paper)": lambda: Learned(layers=LAST),
    "joint NN (paper)": lambda: Joint(layers=LAST),
    "joint RF (paper)": lambda: Joint(layers=LAST, joint_head="forest"),
    "joint LDA (paper)": lambda: Joint(layers=LAST, joint_head="lda"),
    "joint QDA (paper)": lambda: Joint(layers=LAST, joint_head="qda"),
}
"""Conductance of the last layer, and with the label change rate: the paper's settings."""

OUTPUT = ("softmax", "sorted_logits", "class", "runner_up_class")
LOGITS_ONLY = {
    "output only, logistic": lambda: Learned(OUTPUT, Logistic()),
    "output only, vote": lambda: Learned(OUTPUT, Vote()),
}
"""All that the output says, with the heads that are used below: the hardest of the baselines."""

ALL = ("conductance", "contrast", *OUTPUT)
JOINT = {
    f"all layers + LCR, {name}": (lambda head=head: Learned((*ALL, "label_change_rate"), head))
    for name, head in {
        "logistic": Logistic(),
        "boosting": Boosting(),
        "MLP": Perceptron(),
        "vote": Vote(),
    }.items()
}
"""Conductance of every block for the predicted class and for the runner-up, softmax and LCR."""

ABLATION = {
    "conductance": ("conductance",),
    "penultimate": ("penultimate",),
    "logits": ("logits",),
    "conductance + softmax + class": ("conductance", "softmax", "class"),
    "penultimate + softmax + class": ("penultimate", "softmax", "class"),
    "logits + softmax + class": ("logits", "softmax", "class"),
    "contrast + softmax + classes": ("contrast", "softmax", "class", "runner_up_class"),
}
HEADS = ("mlp", "forest", "logistic")


def main() -> None:
    given = arguments(
        __doc__,
        resumable=True,
        name={"default": "given", "help": "of the network, in the record (default given)"},
        weights={"type": Path, "default": None, "help": "other weights (default the checkpoint's)"},
        images={"type": int, "default": 10_000, "help": "test images (default 10,000)"},
        training={"type": int, "default": 10_000, "help": "training images for the paper's way"},
        threads={"type": int, "default": 1, "help": "threads (default 1)"},
    )
    torch.set_num_threads(given.threads)
    classifier = network(given.weights)
    images, labels = cifar("test", slice(given.images))
    half = len(images) // 2
    made = drawn(classifier, images[:half], labels[:half], given.work)
    graph = graph_of(classifier, images[:1])
    settings = Extraction(layers=LAYERS, mutants=made, graph=graph)
    needs = ("logits", "penultimate", "conductance", "runner_up", "label_change_rate")
    said = signals(classifier, f"{given.name}-test", images, needs, settings, given.work)
    held, unseen = said[:half], said[half:]
    known, truth = labels[:half], labels[half:]
    wrong = unseen.predicted != truth

    crossed = {
        name: kept(given, f"crossed {name}", lambda make=make: out_of_fold(make, held, known))
        for name, make in JOINT.items()
    }
    wrong_before = held.predicted != known
    folds = {name: auroc(scores, wrong_before) for name, scores in crossed.items()}
    best = max(folds, key=lambda name: folds[name])
    say(f"chosen: {best}")
    scorers: dict[str, Callable[[], Scorer]] = {
        **PAPER,
        **JOINT,
        "all layers, MLP": lambda: Learned(ALL, "mlp"),
        "last layer + softmax + LCR, forest": lambda: Learned(
            ("conductance", "softmax", "class", "label_change_rate"), "forest", LAST
        ),
        **LOGITS_ONLY,
        **{
            f"{name} + LCR": lambda make=make: Learned((*OUTPUT, "label_change_rate"), make().head)
            for name, make in LOGITS_ONLY.items()
        },
        **{name: kind for name, kind in SCORERS.items() if name not in WITHOUT},
    }
    scores = {
        name: kept(given, name, lambda make=make: make().fit(held, known).score(unseen))
        for name, make in scorers.items()
    }
    compared = compare(scores, wrong, against=best, metrics=SHOWN, seed=given.seed)
    (given.work / f"{given.name}.md").write_text(markdown(compared))
    print((given.work / f"{given.name}.md").read_text())
    baselines = [name for name in (*SCORERS, *LOGITS_ONLY) if name in scores]
    ahead = compare(
        {name: scores[name] for name in (best, *baselines)},
        wrong,
        against=best,
        metrics=("auroc",),
        confidence=1 - 0.05 / len(baselines),
        samples=10_000,
        seed=given.seed,
    )
    pictures(given, best, scores, wrong)
    results: dict[str, Any] = {
        "accuracy": {
            "first half": float(1 - wrong_before.mean()),
            "second half": float(1 - wrong.mean()),
        },
        "chosen by cross-validation": {"chosen": best, "AUROC within the first half": folds},
        "second half": rows_of(compared),
        "chosen against baselines, intervals that hold together": [
            difference.verdict for of in ahead.differences.values() for difference in of.values()
        ],
        "at thresholds of the first half": at_thresholds(
            crossed[best], wrong_before, scores[best], wrong
        ),
        "mutants": {"kept": len(made), "rejected": made.rejected, "units": made.units},
    }
    settings_ = {
        "network": given.name,
        "layers": LAYERS,
        "images": given.images,
        "training images": given.training,
    }

    def finish() -> None:
        packages = ("scikit-learn",)
        record(given, settings_, results, packages, quiet=True, name=f"cifar-{given.name}")

    finish()  # what follows takes as long again
    paper = scores["conductance (paper)"]
    results["Table 4"] = {
        "fitted on the first half": table4(given, None, paper, held, known, unseen, truth)
    }
    if given.training:
        own = trained_on(classifier, given, settings)
        results["Table 4"]["fitted on training images"] = table4(
            given, own, paper, held, known, unseen, truth
        )
    finish()
    results["ablation, AUROC on the second half"] = ablation(given, held, known, unseen, truth)
    finish()


def kept(
    given: argparse.Namespace, name: str, compute: Callable[[], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Scores, computed now or in an earlier run."""
    plain = re.sub(r"[^a-zA-Z0-9]+", "-", name)
    path = given.work / f"scores-{given.name}-{given.images}-{given.seed}-{plain}.npy"
    if not path.exists():
        with timed(f"scores of {name}"):
            np.save(path, compute())
    return np.load(path)


def out_of_fold(make: Callable[[], Scorer], said: Signals, labels: Labels) -> NDArray[np.float64]:
    """Scores of each fifth, by the scorer fitted on the others."""
    wrong = said.predicted != labels
    scores = np.zeros(len(labels))
    for learn, rest in StratifiedKFold(5, shuffle=True, random_state=0).split(wrong, wrong):
        scores[rest] = make().fit(said[learn], labels[learn]).score(said[rest])
    return scores


def trained_on(classifier: Any, given: Any, settings: Extraction) -> tuple[Signals, Any]:
    """Signals of images that the network was trained on, of the last layer."""
    images, labels = cifar("train", slice(given.training))
    settings = Extraction(layers=LAST, mutants=settings.mutants, graph=settings.graph)
    needs = ("logits", "conductance", "label_change_rate")
    name = f"{given.name}-train"
    return signals(classifier, name, images, needs, settings, given.work), labels


def table4(
    given: argparse.Namespace,
    own: tuple[Signals, Labels] | None,
    fitted_here: NDArray[np.float64],
    held: Signals,
    known: Labels,
    unseen: Signals,
    truth: Labels,
) -> dict[str, Any]:
    """AUROC on the half that thresholds are of and on the other, and recalls there.

    The joint detectors share the first head, an MLP on conductance of the last layer. Fitted on the
    first half, scores of that half are out of fold, as scores of their own fitting data would say
    nothing (`fitted_here` are those of the second half); fitted on training images it is as in the
    paper, which takes just these.
    """

    def first() -> Scorer:
        return Learned(layers=LAST)

    before, after = held.predicted != known, unseen.predicted != truth
    if own is None:
        learned = on_first = kept(given, "first head", lambda: out_of_fold(first, held, known))
        on_second = fitted_here
        rates, errors = held.label_change_rate, before
    else:
        learn, labels = own
        several = kept(
            given,
            f"first head of {len(labels)} training images",
            lambda: in_one(first().fit(learn, labels), learn, held, unseen),
        )
        learned, on_first, on_second = np.split(several, [len(learn), len(learn) + len(held)])
        rates, errors = learn.label_change_rate, learn.predicted != labels
    found = {
        "conductance": (on_first, on_second),
        "LCR": (held.label_change_rate, unseen.label_change_rate),
    }
    seen = {"own": (learned, rates), "first": (on_first, held.label_change_rate),
            "second": (on_second, unseen.label_change_rate)}  # fmt: skip
    columns = {name: np.stack(pair, 1) for name, pair in seen.items()}
    for name, kind in {"NN": "joint_mlp", "RF": "forest", "LDA": "lda", "QDA": "qda"}.items():
        of = head(kind)
        fitted = of.fit(columns["own"], errors, given.seed)
        one = of.score(fitted, columns["first"])
        if own is None:
            one = np.zeros(len(before))
            folds = StratifiedKFold(5, shuffle=True, random_state=1).split(before, before)
            for learn_rows, rest in folds:
                part = of.fit(columns["first"][learn_rows], before[learn_rows], given.seed)
                one[rest] = of.score(part, columns["first"][rest])
        found[f"{name} both"] = (one, of.score(fitted, columns["second"]))
    return {name: row4(*pair, before, after) for name, pair in found.items()}


def in_one(one: Scorer, *parts: Signals) -> NDArray[np.float64]:
    return np.concatenate([one.score(part) for part in parts])


def row4(first: Any, second: Any, before: Any, after: Any) -> dict[str, float]:
    """A row of Table 4: the threshold is chosen on the first half."""
    counts = confusion(second, after, EqualRecall().threshold(first, before))
    return {
        "AUROC, first half": auroc(first, before),
        "AUROC, second half": auroc(second, after),
        "right recall": counts.right_recall,
        "wrong recall": counts.wrong_recall,
    }


def ablation(
    given: argparse.Namespace, held: Signals, known: Labels, unseen: Signals, truth: Labels
) -> dict[str, Any]:
    """The same heads on other features, those of the last layer; and who wins, head by head."""
    wrong = unseen.predicted != truth
    found: dict[str, Any] = {}
    for kind in HEADS:

        def scored(features: tuple[str, ...], kind: str = kind) -> NDArray[np.float64]:
            return Learned(features, kind, LAST).fit(held, known).score(unseen)

        scores = {
            name: kept(given, f"ablation {kind} {name}", lambda f=features: scored(f))
            for name, features in ABLATION.items()
        }
        compared = compare(scores, wrong, against="conductance", metrics=("auroc",))
        both = {name: scores[name] for name in ABLATION if "softmax" in name}
        richer = compare(both, wrong, against="conductance + softmax + class", metrics=("auroc",))
        found[kind] = {
            "AUROC": {name: asdict(of["auroc"]) for name, of in compared.estimates.items()},
            "verdicts": [
                of["auroc"].verdict for one in (compared, richer) for of in one.differences.values()
            ],
        }
    return found


def at_thresholds(first: Any, before: Any, second: Any, after: Any) -> dict[str, Any]:
    """Figure 6 and the cascade: thresholds of the first half out of fold, counts on the second."""
    found = {}
    for name, policy in {
        "equal recall": EqualRecall(),
        "98 % of right ones accepted": RecallTarget("right", 0.98),
        "99.5 % of wrong ones refused": RecallTarget("wrong", 0.995),
    }.items():
        threshold = policy.threshold(first, before)
        counts = confusion(second, after, threshold)
        found[name] = {
            "counts": asdict(counts),
            "right recall": counts.right_recall,
            "wrong recall": counts.wrong_recall,
            "with specialists who are always right": asdict(
                cascade_at(second, after, 1.0, threshold)
            ),
        }
    return found


def rows_of(found: Comparison) -> dict[str, Any]:
    """Every method: numbers with intervals, and its difference from the chosen one in AUROC."""
    return {
        name: {
            **{metric: [one.value, one.lower, one.upper] for metric, one in of.items()},
            **(
                {"difference": found.differences[name]["auroc"].verdict}
                if name in found.differences
                else {}
            ),
        }
        for name, of in found.estimates.items()
    }


def pictures(given: Any, best: str, scores: Any, wrong: Any) -> None:
    """ROC and risk-coverage curves of the second half, and the cascade: in the work folder."""
    names = (best, "conductance (paper)", "joint NN (paper)", "label_change_rate", "max_softmax")
    some = {name: scores[name] for name in names}
    for name, figure in {
        "roc": roc_curves(some, wrong),
        "risk-coverage": risk_coverage_curves(some, wrong),
        "cascade": cascade_curves({name: cascade(of, wrong, 1.0) for name, of in some.items()}),
    }.items():
        figure.savefig(given.work / f"{given.name}-{name}.png")


if __name__ == "__main__":
    main()
