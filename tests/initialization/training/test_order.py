from __future__ import annotations

import torch

from affidavit.initialization.training.order import noise_seed, order


def test_every_row_once() -> None:
    assert torch.equal(order(3, 1, 50).sort().values, torch.arange(50))


def test_it_depends_on_seed_and_epoch_only() -> None:
    assert torch.equal(order(3, 1, 50), order(3, 1, 50))
    for other in (order(4, 1, 50), order(3, 2, 50), order(1, 3, 50)):
        assert not torch.equal(order(3, 1, 50), other)


def test_noise_has_seeds_of_its_own() -> None:
    seeds = {noise_seed(seed, epoch) for seed in range(20) for epoch in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**63 for seed in seeds)
