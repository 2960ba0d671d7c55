"""A detector: a model, a scorer of its predictions, and the score from which they are refused."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from affidavit.attribution.classifier import Classifier
from affidavit.errors import (
    AffidavitError,
    DataError,
    DomainError,
    OutputError,
    RecordError,
    nearest,
)
from affidavit.graph import Graph
from affidavit.misclassification.extraction import (
    TRACED,
    Extraction,
    Source,
    checked,
    extract,
    graph_of,
)
from affidavit.misclassification.heads import Head
from affidavit.misclassification.heads.base import split
from affidavit.misclassification.policies import (
    POLICIES,
    AnyPolicy,
    EqualRecall,
    Fixed,
    Policy,
    policy_from_json,
    policy_to_json,
)
from affidavit.misclassification.saving import MUTANTS, fingerprint, read_folder, write
from affidavit.misclassification.scorers import Learned, Scorer, scorer
from affidavit.misclassification.scorers.base import check_both_kinds, parameters
from affidavit.misclassification.signals import Array, Signals, wrong_rows

if TYPE_CHECKING:
    from affidavit.mutation import Mutants

Inputs = Tensor | ArrayLike
Labelled = tuple[Inputs, ArrayLike]

_SAVED = ("layers", "steps", "method", "penultimate", "passes", "batch_size", "seed")


@dataclass
class Detector:
    """Says which predictions of a model are to be refused.

    Args:
        model: a module, a graph, or a classifier with its preprocessing.
        features, head: what the detector learns from, and what learns; see
            :data:`affidavit.misclassification.features.BLOCKS` and
            :data:`affidavit.misclassification.heads.HEADS`.
        layers: where conductance is taken.
        mutants: for the label change rate, as of :func:`affidavit.mutation.mutants`.
        policy: how the threshold is chosen.
        scorer: in place of `features` and `head`, a name of
            :data:`affidavit.misclassification.scorers.SCORERS`, or a scorer.
        fit_on: `"held_out"`: :meth:`fit` is given data that the model was not trained on.
            `"training"`, the paper's way: it is given the model's own training data, and
            `calibration` has to be data that the model was not trained on. A model is right on its
            training data far more often, and for other reasons, than on new data.
        calibration_share: of the data given to :meth:`fit`, the share that is left for the
            threshold; scorers that learn nothing leave all.
        settings: all else about the extraction; its layers and mutants are those above.
        progress: whether to show bars on standard error.
        seed: of the head, and of what is left for the threshold.

    Attributes:
        scorer_: the fitted scorer.
        threshold_: the score from which a prediction is refused.

    Works as scikit-learn's estimators do: `get_params`, `set_params`, `clone`.

    Guarantee: `statistical`. Source: "Leveraging model interpretability and stability".
    """

    model: Source
    features: Sequence[str] = ("conductance", "label_change_rate")
    head: str | Head = "mlp"
    layers: Sequence[str] = ()
    mutants: Mutants | None = None
    policy: Policy = field(default_factory=EqualRecall)
    scorer: str | Scorer | None = None
    fit_on: Literal["held_out", "training"] = "held_out"
    calibration_share: float = 0.5
    settings: Extraction = field(default_factory=Extraction)
    progress: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        self.scorer_: Scorer | None = None
        self.threshold_: float | None = None
        self._known: tuple[Any, Graph | None] | None = None
        if self.fit_on not in ("held_out", "training"):
            raise DomainError(f"fit_on is {self.fit_on!r}; expected 'held_out' or 'training'")
        if not 0 < self.calibration_share < 1:
            raise DomainError(
                f"calibration_share is {self.calibration_share}; expected between 0 and 1"
            )
        self._made()

    def fit(self, inputs: Inputs, labels: ArrayLike, calibration: Labelled | None = None) -> Self:
        """Fits the scorer, and chooses the threshold on other data.

        Args:
            inputs, labels: data whose classes are known, [n, ...] and [n].
            calibration: further inputs and labels that the threshold is chosen on; left out, it is
                a share of the data given (as many right and wrong predictions in proportion).

        Raises:
            DataError: NaN or infinite inputs, labels that do not fit, no wrong (or no right)
                prediction in either part.
            DomainError: features without what they take; `fit_on="training"` without calibration.
            ModelError: a layer that does not exist.
        """
        signals = self.extract(inputs)
        if calibration is None:
            return self.fit_signals(signals, labels)
        return self.fit_signals(signals, labels, (self.extract(calibration[0]), calibration[1]))

    def fit_signals(
        self,
        signals: Signals,
        labels: ArrayLike,
        calibration: tuple[Signals, ArrayLike] | None = None,
    ) -> Self:
        """:meth:`fit` on what was extracted before."""
        made = self._made()
        signals.require(made.needs)
        wrong = wrong_rows(signals, labels)
        known = np.asarray(labels)
        if calibration is not None:
            held, held_wrong = calibration[0], wrong_rows(*calibration)
        elif self.fit_on == "training":
            raise DomainError(
                "fit_on='training' chooses the threshold on data that the model was not trained"
                " on: fit(inputs, labels, calibration=(inputs, labels))"
            )
        elif not made.needs_fit:
            held, held_wrong = signals, wrong
        else:
            learn, rest = self._split(wrong)
            held, held_wrong = signals[rest], wrong[rest]
            signals, known = signals[learn], known[learn]
        made = made.fit(signals, known)
        self.threshold_ = float(self.policy.threshold(made.score(held), held_wrong))
        self.scorer_ = made
        return self

    def score(self, inputs: Inputs) -> NDArray[np.float64]:
        """A number for each input, [n]; larger where the prediction is more likely wrong."""
        self._fitted()
        return self.score_signals(self.extract(inputs))

    def score_signals(self, signals: Signals) -> NDArray[np.float64]:
        """:meth:`score` of what was extracted before."""
        return self._fitted()[0].score(signals)

    def predict(self, inputs: Inputs) -> NDArray[np.int64]:
        """1 where the prediction is refused, 0 where it is accepted, [n]."""
        self._fitted()
        return self.predict_signals(self.extract(inputs))

    def predict_signals(self, signals: Signals) -> NDArray[np.int64]:
        """:meth:`predict` of what was extracted before."""
        made, threshold = self._fitted()
        return (made.score(signals) >= threshold).astype(np.int64)

    def extract(self, inputs: Inputs) -> Signals:
        """The signals that the scorer needs."""
        settings = replace(self.settings, layers=tuple(self.layers), mutants=self.mutants)
        needs = self._made().needs
        if settings.graph is None and needs & TRACED:
            settings = replace(settings, graph=self._graph(inputs))
        return extract(self.model, inputs, needs, settings=settings, progress=self.progress)

    def save(self, folder: str | Path) -> None:
        """Writes all but the model (and an ensemble's): the same scores after :meth:`load`.

        The mutants are written too, and no pickle is. Raises OutputError.
        """
        made, threshold = self._fitted()
        if not isinstance(self.policy, AnyPolicy):
            raise OutputError(
                f"a policy of the type {type(self.policy).__name__} cannot be saved: only those of"
                f" {', '.join(POLICIES)} can"
            )
        settings = asdict(
            replace(self.settings, mutants=None, ensemble=(), baselines=None, graph=None)
        )
        arrays = {}
        if self.settings.baselines is not None:
            arrays["baselines"] = self.settings.baselines.cpu().numpy()
        write(
            Path(folder),
            made,
            {
                "threshold": threshold,
                "policy": policy_to_json(self.policy),
                "layers": list(self.layers),
                "settings": {name: settings[name] for name in _SAVED},
                "model": fingerprint(self.model),
                "mutants": self.mutants is not None,
                "seed": self.seed,
                "fit_on": self.fit_on,
                "calibration_share": self.calibration_share,
            },
            arrays,
            self.mutants,
        )

    @classmethod
    def load(
        cls, folder: str | Path, model: Source, *, ensemble: Sequence[Source] = ()
    ) -> Detector:
        """Reads what :meth:`save` wrote, for that very model.

        Args:
            folder: as given to :meth:`save`.
            model: the model; a classifier with the same preprocessing if it was one.
            ensemble: the further models, if the scorer needs them.

        Raises RecordError: no such folder, damaged or foreign files, files that would run code,
        or another model.
        """
        from affidavit.mutation import Mutants

        folder = Path(folder)
        made, record, arrays = read_folder(folder)
        if record.get("model") != fingerprint(model):
            raise RecordError(
                f"{folder} holds the detector of another model: its parameters are others"
            )
        try:
            baselines = arrays.get("baselines")
            settings = Extraction(
                **{name: record["settings"][name] for name in _SAVED},
                baselines=None if baselines is None else torch.from_numpy(baselines),
                ensemble=ensemble,
            )
            detector = cls(
                model,
                layers=tuple(record["layers"]),
                mutants=Mutants.load(folder / MUTANTS) if record["mutants"] else None,
                policy=policy_from_json(record["policy"]),
                scorer=copy.deepcopy(made),
                fit_on=record["fit_on"],
                calibration_share=record["calibration_share"],
                settings=settings,
                seed=record["seed"],
            )
            detector.scorer_ = made
            # Through the policy that it would be: NaN would refuse nothing, without a word.
            detector.threshold_ = Fixed(float(record["threshold"])).at
        except (OSError, KeyError, TypeError, ValueError, AffidavitError) as error:
            raise RecordError(f"{folder} holds no saved detector: {error!r}") from error
        return detector

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the detector was made with, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init}

    def set_params(self, **given: Any) -> Self:
        """Sets what the detector is made with; it has to be fitted anew."""
        known = parameters(type(self))
        for name, value in given.items():
            if name not in known:
                raise DomainError(f"a detector has no parameter {name!r}{nearest(name, known)}")
            setattr(self, name, value)
        self.__post_init__()
        return self

    def _graph(self, inputs: Inputs) -> Graph | None:
        """The model's graph, made anew only where the model or the inputs' shape has changed."""
        classifier = self.model if isinstance(self.model, Classifier) else Classifier(self.model)
        x = checked(inputs, classifier)[:1]
        if not len(x):
            return None
        state = fingerprint(self.model), tuple(x.shape[1:]), x.dtype
        if self._known is None or self._known[0] != state:
            self._known = state, graph_of(classifier, x)
        return self._known[1]

    def _made(self) -> Scorer:
        """The scorer, not fitted; the one given is left as it is."""
        if self.scorer is not None:
            return copy.deepcopy(scorer(self.scorer))
        return Learned(self.features, self.head, tuple(self.layers) or None, self.seed)

    def _fitted(self) -> tuple[Scorer, float]:
        if self.scorer_ is None or self.threshold_ is None:
            raise DomainError("the detector is not fitted: call fit(inputs, labels) first")
        return self.scorer_, self.threshold_

    def _split(self, wrong: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Rows for the scorer and rows for the threshold, wrong predictions shared out alike."""
        check_both_kinds(wrong)
        fewest = min(int(wrong.sum()), int((~wrong).sum()))
        if fewest < 2:
            kind = "wrong" if wrong.sum() == 1 else "right"
            raise DataError(
                f"there is only 1 {kind} prediction; expected one to learn from and one for the"
                " threshold, or calibration=(inputs, labels)"
            )
        return split(wrong, self.calibration_share, np.random.default_rng(self.seed))
