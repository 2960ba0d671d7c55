"""Making a graph, against the tracing that it rests on and against another reader of ONNX."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import onnxruntime
import torch
from pytorchcv.models.inceptionv3 import inceptionv3
from pytorchcv.models.resnet_cifar import resnet20_cifar10

from affidavit.graph import load
from harness import compare, record


def main() -> None:
    warnings.simplefilter("ignore")
    results = {}
    for name, network, shape in (
        ("ResNet-20", resnet20_cifar10().eval(), (3, 32, 32)),
        ("Inception-v3", inceptionv3().eval(), (3, 299, 299)),
    ):
        example = torch.zeros(2, *shape)
        results[f"load {name} against torch.export with its own decompositions"] = compare(
            lambda network=network, example=example: load(network, example),
            lambda network=network, example=example: torch.export.export(
                network, (example,)
            ).run_decompositions(),
            rounds=5,
            warmup=1,
        )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.onnx"
            torch.onnx.export(network, (example,), path, external_data=False, verbose=False)
            results[f"load {name} from ONNX against an onnxruntime session"] = compare(
                lambda path=path: load(path),
                lambda path=path: onnxruntime.InferenceSession(
                    path, providers=["CPUExecutionProvider"]
                ),
                rounds=7,
                warmup=1,
            )
    record("loading", results)


if __name__ == "__main__":
    main()
