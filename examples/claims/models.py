"""Small models for the example claims, trained in a second wherever they are loaded."""

import warnings

import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from affidavit.data import Split, load


def digits_perceptron(hidden: int = 32, epochs: int = 30) -> torch.nn.Module:
    """A perceptron for the digits, trained with PyTorch on the part that the claims do not use."""
    part = load("sklearn:digits", split=Split(train=0.6, test=0.4)).part("train")
    inputs, labels = torch.tensor(part.inputs), torch.tensor(part.labels)
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(64, hidden),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden, 10),
    )
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(epochs):
        for rows in torch.randperm(len(inputs)).split(64):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(inputs[rows]), labels[rows]).backward()
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
