"""Small models for the example claims, trained in a second wherever they are loaded."""

import warnings
from itertools import pairwise

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from affidavit.data import Split, load


def digits_perceptron(hidden: int = 32, epochs: int = 30) -> nn.Module:
    """A perceptron for the digits."""
    split = Split(train=0.6, test=0.4)
    return trained("sklearn:digits", split, [64, hidden, 10], epochs)


def digits_layers(hidden: int = 24) -> nn.Module:
    """A perceptron for the digits, not trained: its weights are drawn anew at each call."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.Tanh(), nn.Linear(hidden, 10))


def digits_convolutions(epochs: int = 12) -> nn.Module:
    """A small convolutional network for the digits."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )
    return fitted(network, "sklearn:digits", Split(train=0.6, test=0.4), epochs)


def iris_perceptron(hidden: tuple[int, ...] = (8, 8), epochs: int = 60) -> nn.Module:
    """A perceptron for the irises, small enough for all its linear regions to be found."""
    split = Split(train=0.7, test=0.3)
    return trained("sklearn:iris", split, [4, *hidden, 3], epochs)


def trained(source: str, split: Split, widths: list[int], epochs: int) -> nn.Module:
    """A perceptron, trained."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return fitted(nn.Sequential(*layers[:-1]), source, split, epochs)


def fitted(network: nn.Module, source: str, split: Split, epochs: int) -> nn.Module:
    """The network, trained with PyTorch on the part that the claims do not use."""
    part = load(source, split=split).part("train")
    inputs, labels = torch.tensor(part.inputs), torch.tensor(part.labels)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
            optimizer.step()
    return network


def wine_perceptron() -> Pipeline:
    """A scikit-learn pipeline for the wines."""
    part = load("sklearn:wine", split=Split(train=0.5, test=0.5)).part("train")
    model = make_pipeline(
        StandardScaler(), MLPClassifier((16,), activation="tanh", max_iter=300, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(part.inputs, part.labels)
