"""GravNet by hand, under another order of the hits and with padding; its loss."""

from __future__ import annotations

import math

import pytest
import torch

from resonaut.nn.networks.gravnet import GravNet, GravNetLayer, share_loss


def cloud(n=3, n_hits=12, n_features=4, seed=1):
    """Hits of showers of different lengths."""
    random = torch.Generator().manual_seed(seed)
    values = torch.randn(n, n_hits, n_features, generator=random, dtype=torch.float64)
    mask = torch.arange(n_hits) < torch.tensor([n_hits, 5, 1])[:n, None]
    return values, mask


def network(**more):
    torch.manual_seed(0)
    return GravNet(4, **{"n_blocks": 2, "width": 8, "k": 4, "n_outputs": 6, "f": (5,), **more}).double()


def test_a_layer_agrees_with_a_loop_over_hits():
    torch.manual_seed(0)
    layer = GravNetLayer(4, 3, 5, 4, 6).double()
    values, mask = cloud()
    found = layer(values, mask)
    for shower, n_hits in enumerate((12, 5, 1)):
        hits = values[shower, :n_hits]
        points, learned = layer.coordinates(hits), layer.learned(hits)
        for hit in range(n_hits):
            squared = (points - points[hit]).square().sum(1)
            near = [j for j in squared.argsort().tolist() if j != hit][:4]
            given = torch.stack(
                [learned[j] * math.exp(-10 * squared[j].item()) for j in near] or [learned[0] * 0]
            )
            row = torch.cat([hits[hit], given.mean(0), given.max(0).values])
            torch.testing.assert_close(found[shower, hit], torch.tanh(layer.output(row)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("training", [True, False])
def test_another_order_gives_the_same_shares_and_padding_changes_nothing(training):
    values, mask = cloud()
    found = network().train(training)(values, mask)
    order = torch.randperm(12, generator=torch.Generator().manual_seed(2))
    moved = network().train(training)(values[:, order], mask[:, order])
    torch.testing.assert_close(
        (moved * mask[:, order, None]), (found * mask[..., None])[:, order], rtol=0, atol=1e-6
    )
    wider = torch.cat([values, torch.full((3, 7, 4), torch.nan, dtype=torch.float64)], 1)
    padded = network().train(training)(wider, torch.cat([mask, torch.zeros(3, 7, dtype=torch.bool)], 1))
    torch.testing.assert_close(padded[:, :12][mask], found[mask], rtol=0, atol=1e-9)
    torch.testing.assert_close(found.sum(-1), torch.ones(3, 12, dtype=torch.float64))


def test_number_of_parameters_is_that_of_the_formula():
    n, w, s, learned, out, blocks = 4, 64, 4, 22, 48, 4
    of_block = lambda i: (  # noqa: E731
        (2 * i * w + w)
        + 2 * (w * w + w)
        + (w * s + s)
        + (w * learned + learned)
        + ((w + 2 * learned) * out + out)
        + 2 * out
    )
    head = (blocks * out * 128 + 128) + (128 * 3 + 3) + (3 * 2 + 2)
    expected = of_block(n) + (blocks - 1) * of_block(out) + head
    assert sum(p.numel() for p in GravNet(4).parameters()) == expected


def test_loss_by_hand():
    """One hit of 4 GeV is all of the first shower, one of 9 GeV all of the second; 0.8 and 0.6 are right."""
    energies = torch.tensor([[[4.0, 0.0], [0.0, 9.0], [0.0, 0.0]]])
    shares = torch.tensor([[[0.8, 0.2], [0.4, 0.6], [0.1, 0.9]]])
    assert share_loss(shares, energies).item() == pytest.approx(0.2**2 + 0.4**2)
    # Two hits of one shower weigh as the roots of their energies.
    energies = torch.tensor([[[4.0, 0.0], [16.0, 0.0], [0.0, 1.0]]])
    shares = torch.tensor([[[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]]])
    assert share_loss(shares, energies).item() == pytest.approx(2 / 6 * 0.25)


def test_loss_does_not_see_which_shower_is_first_and_has_finite_slopes():
    torch.manual_seed(3)
    energies = torch.rand(5, 9, 2) * (torch.rand(5, 9, 2) > 0.4)
    shares = torch.rand(5, 9, 1)
    shares = torch.cat([shares, 1 - shares], -1).requires_grad_()
    first, second = share_loss(shares, energies), share_loss(shares, energies.flip(-1))
    torch.testing.assert_close(first, second)
    torch.testing.assert_close(first, share_loss(shares.flip(-1), energies))
    first.sum().backward()
    assert shares.grad.isfinite().all()
    truth = energies / energies.sum(-1, keepdim=True).clamp_min(1e-30)
    assert share_loss(truth, energies).abs().max() == 0
