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

from dataclasses import asdict
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from affidavit.misclassification import auroc, cascade, cascade_at, compare, confusion
from affidavit.misclassification.comparison import Comparison
from affidavit.misclassification.extraction import Extraction, graph_of
from affidavit.misclassification.heads import Boosting, Logistic, Perceptron, Vote
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

    with timed("choosing by cross-validation"):
        folds = {name: crossed(make, held, known, given.seed) for name, make in JOINT.items()}
    best = max(folds, key=lambda name: folds[name])
    say(f"chosen: {best}")
    scorers: dict[str, Scorer] = {
        **{name: make() for name, make in PAPER.items()},
        **{name: make() for name, make in JOINT.items()},
        "all layers, MLP": Learned(ALL, "mlp"),
        "last layer + softmax + LCR, forest": Learned(
            ("conductance", "softmax", "class", "label_change_rate"), "forest", LAST
        ),
        **{name: make() for name, make in LOGITS_ONLY.items()},
        **{
            f"{name} + LCR": Learned((*OUTPUT, "label_change_rate"), make().head)
            for name, make in LOGITS_ONLY.items()
        },
        **{name: kind() for name, kind in SCORERS.items() if name not in WITHOUT},
    }
    with timed("fitting"):
        fitted = {name: one.fit(held, known) for name, one in scorers.items()}
    scores = {name: one.score(unseen) for name, one in fitted.items()}
    compared = compare(scores, wrong, against=best, metrics=SHOWN, seed=given.seed)
    (given.work / f"{given.name}.md").write_text(markdown(compared))
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

    own = trained_on(classifier, given, settings) if given.training else None
    results: dict[str, Any] = {
        "accuracy": {
            "first half": float((held.predicted == known).mean()),
            "second half": float(1 - wrong.mean()),
        },
        "chosen by cross-validation": {"chosen": best, "AUROC within the first half": folds},
        "second half": rows_of(compared),
        "chosen against baselines, intervals that hold together": [
            difference.verdict
            for of in ahead.differences.values()
            for difference in of.values()
        ],
        "Table 4": {
            "fitted on the first half": table4(held, known, unseen, truth, None, given.seed),
            **({"fitted on training images": table4(held, known, unseen, truth, own, given.seed)}
               if own else {}),
        },
        "ablation, AUROC on the second half": ablation(held, known, unseen, truth),
        "at thresholds of the first half": at_thresholds(fitted[best], held, known, unseen, truth),
        "mutants": {"kept": len(made), "rejected": made.rejected, "units": made.units},
    }  # fmt: skip
    pictures(given, best, scores, wrong)
    record(
        given,
        {
            "network": given.name,
            "layers": LAYERS,
            "images": given.images,
            "training images": given.training,
        },
        results,
        ("scikit-learn",),
        quiet=True,
        name=f"cifar-{given.name}",
    )
    print((given.work / f"{given.name}.md").read_text())


def crossed(make: Any, said: Signals, labels: NDArray[np.int64], seed: int) -> float:
    """AUROC of scores out of fold."""
    wrong = said.predicted != labels
    scores = np.zeros(len(labels))
    for learn, rest in StratifiedKFold(5, shuffle=True, random_state=seed).split(wrong, wrong):
        scores[rest] = make().fit(said[learn], labels[learn]).score(said[rest])
    return auroc(scores, wrong)


def trained_on(classifier: Any, given: Any, settings: Extraction) -> tuple[Signals, Any]:
    """Signals of images that the network was trained on, of the last layer."""
    images, labels = cifar("train", slice(given.training))
    settings = Extraction(layers=LAST, mutants=settings.mutants, graph=settings.graph)
    needs = ("logits", "conductance", "label_change_rate")
    name = f"{given.name}-train"
    return signals(classifier, name, images, needs, settings, given.work), labels


def table4(
    held: Signals, known: Any, unseen: Signals, truth: Any, own: Any, seed: int
) -> dict[str, Any]:
    """AUROC on the half that thresholds are of and on the other, and recalls there."""
    rows = {}
    scorers: dict[str, Scorer] = {"LCR": SCORERS["label_change_rate"]()}
    scorers |= {name: make() for name, make in PAPER.items()}
    for name, one in scorers.items():
        if own is None:
            # Scores of its own fitting data say nothing: thresholds are set out of fold.
            first = out_of_fold(one, held, known, seed)
            one = one.fit(held, known)
        else:
            if isinstance(one, Joint):
                one.set_params(folds=None)
            one = one.fit(*own)
            first = one.score(held)
        threshold = EqualRecall().threshold(first, held.predicted != known)
        second = one.score(unseen)
        found = confusion(second, unseen.predicted != truth, threshold)
        rows[name] = {
            "AUROC, first half": auroc(first, held.predicted != known),
            "AUROC, second half": auroc(second, unseen.predicted != truth),
            "right recall": found.right_recall,
            "wrong recall": found.wrong_recall,
        }
    return rows


def out_of_fold(one: Scorer, said: Signals, labels: Any, seed: int) -> NDArray[np.float64]:
    """Scores of each fifth, by the scorer fitted on the others."""
    wrong = said.predicted != labels
    scores = np.zeros(len(labels))
    for learn, rest in StratifiedKFold(5, shuffle=True, random_state=seed).split(wrong, wrong):
        scores[rest] = one.fit(said[learn], labels[learn]).score(said[rest])
    return scores


def ablation(held: Signals, known: Any, unseen: Signals, truth: Any) -> dict[str, Any]:
    """The same heads on other features, those of the last layer; and who wins, feature by head."""
    wrong = unseen.predicted != truth
    found: dict[str, Any] = {}
    for head in HEADS:
        scores = {
            name: Learned(features, head, LAST).fit(held, known).score(unseen)
            for name, features in ABLATION.items()
        }
        compared = compare(scores, wrong, against="conductance", metrics=("auroc",))
        both = {name: scores[name] for name in ABLATION if "softmax" in name}
        richer = compare(both, wrong, against="conductance + softmax + class", metrics=("auroc",))
        found[head] = {
            "AUROC": {name: asdict(of["auroc"]) for name, of in compared.estimates.items()},
            "verdicts": [
                of["auroc"].verdict for one in (compared, richer) for of in one.differences.values()
            ],
        }
    return found


def at_thresholds(
    one: Scorer, held: Signals, known: Any, unseen: Signals, truth: Any
) -> dict[str, Any]:
    """Figure 6 and the cascade: thresholds of the first half out of fold, counts on the second."""
    first, wrong = out_of_fold(one, held, known, 0), held.predicted != known
    scores, missed = one.fit(held, known).score(unseen), unseen.predicted != truth
    found = {}
    for name, policy in {
        "equal recall": EqualRecall(),
        "98 % of right ones accepted": RecallTarget("right", 0.98),
        "99.5 % of wrong ones refused": RecallTarget("wrong", 0.995),
    }.items():
        threshold = policy.threshold(first, wrong)
        counts = confusion(scores, missed, threshold)
        specialists = cascade_at(scores, missed, 1.0, threshold)
        found[name] = {
            "counts": asdict(counts),
            "right recall": counts.right_recall,
            "wrong recall": counts.wrong_recall,
            "with specialists who are always right": asdict(specialists),
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
