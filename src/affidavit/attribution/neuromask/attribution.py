"""NeuroMask as captum and Quantus call an attribution."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from affidavit.attribution.classifier import Classifier, Model
from affidavit.attribution.neuromask.learning import learn_masks
from affidavit.attribution.neuromask.masks import Masks
from affidavit.attribution.neuromask.presets import AnyPreset
from affidavit.attribution.targets import Target
from affidavit.errors import DataError
from affidavit.progress import shown

try:
    from captum.attr import Attribution
except ImportError:

    class Attribution:  # type: ignore[no-redef]
        """What captum's class of that name gives, for where captum is not installed."""

        multiplies_by_inputs = False

        def __init__(self, forward_func: Callable[..., Tensor]) -> None:
            self.forward_func = forward_func

        def has_convergence_delta(self) -> bool:
            """There is none."""
            return False


def _unwrappable(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method with a `__wrapped__`, as captum's own have and its NoiseTunnel asks for."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call


class NeuroMask(Attribution):  # type: ignore[misc]
    """The part of an input that preserves a prediction, learned as a mask.

    Guarantee: `empirical`. Source: Alzantot, Widdicombe, Julier and Srivastava 2019.

    Args:
        model: a module, a graph, or a :class:`Classifier` that holds preprocessing and range.
        preset: `fast`, `paper`, `official`, or constants of one's own.
        preprocessing: from pixels to what the model takes, if `model` is no classifier.
        data_range: least and greatest pixel, if `model` is no classifier.
        seed: of the first weights and other draws.
        batch_size: how many inputs are learned together.
        clip: whether values outside the range are moved to its ends. Methods that add noise to
            inputs (captum's `NoiseTunnel` and `sensitivity_max`) leave it; without `clip` that
            is an error.
        progress: whether a bar is shown on stderr.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))
        >>> mask = NeuroMask(model).attribute(torch.rand(5, 3, 4, 4), target=0)
        >>> mask.shape
        torch.Size([5, 3, 4, 4])
    """

    def __init__(
        self,
        model: Model | Classifier,
        preset: str | AnyPreset = "fast",
        *,
        preprocessing: Callable[[Tensor], Tensor] | None = None,
        data_range: tuple[float, float] = (0.0, 1.0),
        seed: int = 0,
        batch_size: int = 16,
        clip: bool = False,
        progress: bool = False,
    ) -> None:
        if not isinstance(model, Classifier):
            model = Classifier(model, preprocessing, data_range)
        super().__init__(model)
        self.classifier = model
        self.preset = preset
        self.seed = seed
        self.batch_size = batch_size
        self.clip = clip
        self.progress = progress

    @_unwrappable
    def attribute(self, inputs: Any, target: Target = None) -> Any:
        """The mask of every input, in the inputs' shape: the same in each channel.

        Args:
            inputs: pixels inside the range, [batch, channel, height, width] or another form that
                :func:`learn_masks` takes; or a tuple with that one tensor.
            target: class of all inputs, or of each; left out, the predicted class.

        Returns:
            Relevance in [0, 1], of the shape of the inputs; a tuple of it, if they were one.

        Raises:
            As :func:`learn_masks`; DataError for more than one tensor.
        """
        one = inputs
        if isinstance(inputs, tuple):
            if len(inputs) != 1:
                raise DataError(f"inputs is a tuple of {len(inputs)}; expected one tensor")
            one = inputs[0]
        mask = self.masks(one, target).mask
        whole = (mask[:, None] if one.ndim > 2 else mask).expand(one.shape).clone()
        return (whole,) if isinstance(inputs, tuple) else whole

    def masks(self, inputs: Tensor, target: Target = None, history: Collection[int] = ()) -> Masks:
        """What was learned, with losses, steps and thumbnails: see :func:`learn_masks`."""
        if self.clip and isinstance(inputs, Tensor) and inputs.is_floating_point():
            inputs = inputs.clamp(*self.classifier.data_range)
        with shown(self.progress, "neuromask") as progress:
            return learn_masks(
                self.classifier,
                inputs,
                target,
                self.preset,
                seed=self.seed,
                batch_size=self.batch_size,
                history=history,
                progress=progress,
            )


def explain_func(
    model: Model | Classifier,
    inputs: NDArray[np.floating[Any]] | Tensor,
    targets: Target = None,
    *,
    device: str | torch.device | None = None,
    **options: Any,
) -> NDArray[np.float32]:
    """NeuroMask in the form that Quantus calls for an `explain_func`.

    Args:
        model: as of :class:`NeuroMask`.
        inputs: pixels [batch, channel, height, width], an array or a tensor.
        targets: the class of each.
        device: where to compute; left out, where the model's parameters are.
        options: of :class:`NeuroMask`.

    Returns:
        Relevance in [0, 1], [batch, 1, height, width].
    """
    x = torch.as_tensor(inputs)
    method = NeuroMask(model, **options)
    like = next(method.classifier.parameters(), None)
    if like is not None and x.is_floating_point():
        x = x.to(like)
    mask = method.masks(x if device is None else x.to(device), targets).mask
    return mask[:, None].float().cpu().numpy()
