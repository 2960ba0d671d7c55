"""What all tests share: the Keras backend, reproducible randomness and the data folder."""

from __future__ import annotations

import gc
import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

# Keras reads it once, when it is first imported.
os.environ["KERAS_BACKEND"] = "torch"

# Numba numbers the compilations of a function that it keeps on disk, and two processes could give
# two of them the same number: each worker of pytest-xdist has its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    _kept = Path(__file__).parents[1] / ".numba_cache" / os.environ["PYTEST_XDIST_WORKER"]
    os.environ["NUMBA_CACHE_DIR"] = str(_kept)

# A shell that starts the tests in the background has them ignore Ctrl-C, and so would the programs
# that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadlines: machines differ. The same examples in every run: a failure can be repeated.
settings.register_profile("tests", deadline=None, derandomize=True, database=None)
settings.load_profile("tests")


def pytest_collection_finish() -> None:
    # Modules and thousands of collected tests live to the end. Where the garbage collector looks
    # through them again and again, the tests take a tenth longer.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.fixture(autouse=True)
def _seed() -> None:
    # NumPy's global generator too: scikit-learn's fits draw from it unless told otherwise.
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder that AFFIDAVIT_DATA names; tests that ask for it are skipped without one."""
    name = os.environ.get("AFFIDAVIT_DATA", "")
    if not name or not Path(name).is_dir():
        pytest.skip("AFFIDAVIT_DATA names no folder of data")
    return Path(name)
