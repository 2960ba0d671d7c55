"""Trains two small networks on data that come with scikit-learn, and audits both.

Run it with `make demo`, or `python examples/demo.py [--out FOLDER]`.
"""

import argparse
import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from affidavit import report
from affidavit.contract import audit, load_data, read_contract

HERE = Path(__file__).parent


def train(network: nn.Module, inputs: Tensor, labels: Tensor, epochs: int) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    network.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            cross_entropy(network(inputs[rows]), labels[rows]).backward()
            optimizer.step()
        schedule.step()


def prepare(folder: Path, factory: str, epochs: int) -> Path:
    """Trains the network of an example on the part `train`, and returns its contract."""
    path = folder / "contract.toml"
    contract = read_contract(path)
    # The same data and split as the audit's, so that the test part stays untouched.
    part = load_data(contract.data, contract.folder).part("train")
    inputs, labels = torch.tensor(part.inputs), torch.tensor(part.labels)
    torch.manual_seed(contract.run.seed)
    network = make(folder / "network.py", factory)()
    if hasattr(network, "mean"):
        network.mean.copy_(inputs.mean(0))
        network.std.copy_(inputs.std(0))
    train(network, inputs, labels, epochs)
    weights = folder / contract.model.weights
    weights.parent.mkdir(exist_ok=True)
    save_file(network.state_dict(), weights)
    return path


def make(file: Path, name: str) -> Callable[[], nn.Module]:
    spec = importlib.util.spec_from_file_location(file.parent.name, file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"), help="where the reports go")
    out = parser.parse_args().out
    console = Console()
    for name, factory, epochs in (("digits", "cnn", 12), ("breast_cancer", "mlp", 60)):
        with console.status(f"Training the network of examples/{name} …"):
            contract = prepare(HERE / name, factory, epochs)
        affidavit = audit(contract)
        folder = affidavit.save(out / name)
        console.print(report.summary(affidavit.header, affidavit.statements))
        console.print(f"Report: {folder / 'report.html'}\n", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
