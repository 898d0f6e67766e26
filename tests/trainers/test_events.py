"""Products with lists of spikes against products of matrices."""

import pytest
import torch

from neurotrain_hw.trainers.events import DENSEST, Events


def spikes(rows: int, n_pre: int, share: float, dtype: torch.dtype) -> torch.Tensor:
    return (torch.rand(rows, n_pre, generator=torch.Generator().manual_seed(rows + n_pre)) < share).to(dtype)


@pytest.mark.parametrize(("rows", "n_pre", "n_post"), [(600, 70, 256), (256, 64, 10), (17, 300, 131), (1000, 5, 16)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8])
def test_currents_and_gradients_are_those_of_products(rows: int, n_pre: int, n_post: int, dtype: torch.dtype) -> None:
    x = spikes(rows, n_pre, 0.15, dtype)
    number = torch.float32 if dtype is torch.uint8 else dtype
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(n_post, n_pre, generator=generator, dtype=number)
    signal = torch.randn(rows, n_post, generator=generator, dtype=number)
    events = Events.of(x)
    assert events is not None
    close = {"rtol": 1e-12, "atol": 1e-12} if number is torch.float64 else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(events.currents(weight), x.to(number) @ weight.T, **close)
    torch.testing.assert_close(events.gradient(signal), signal.T @ x.to(number), **close)


def test_a_row_gives_the_same_bits_whatever_stands_beside_it() -> None:
    x, weight = spikes(600, 70, 0.15, torch.float32), torch.randn(256, 70)
    whole = Events.of(x).currents(weight)
    for start in (0, 100, 371):
        assert torch.equal(Events.of(x[start : start + 90]).currents(weight), whole[start : start + 90])


def test_what_is_no_list_of_spikes_is_left_to_products() -> None:
    x = spikes(600, 70, 0.15, torch.float32)
    assert Events.of(x) is not None
    assert Events.of(spikes(600, 70, 2 * DENSEST, torch.float32)) is None
    assert Events.of(0.5 * x) is None
    assert Events.of(2 * x) is None
    assert Events.of(x[:3]) is None


def test_no_spikes() -> None:
    events = Events.of(torch.zeros(100, 70))
    assert not events.currents(torch.ones(20, 70)).any() and not events.gradient(torch.ones(100, 20)).any()
