"""Capsules: squashing, routing as the paper writes it, the margin loss, lengths as probabilities, sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.errors import ConfigError
from resonaut.nn.networks.capsule import CapsuleNetwork, Routing, lengths, margin_loss, squash
from resonaut.nn.training import n_parameters
from resonaut.registry import build


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(1e-4, 1e4), seed=st.integers(0, 2**31))
def test_squash_keeps_the_direction_and_shortens(scale, seed):
    """Length s^2 / (1 + s^2), arXiv:1710.09829, eq. 1."""
    values = scale * torch.from_numpy(np.random.default_rng(seed).normal(size=(3, 5)))
    length = values.norm(dim=-1)
    found = squash(values)
    torch.testing.assert_close(found.norm(dim=-1), length**2 / (1 + length**2), rtol=1e-3, atol=1e-12)
    torch.testing.assert_close(
        found / found.norm(dim=-1, keepdim=True), values / length[:, None], rtol=1e-9, atol=1e-9
    )


def test_squash_and_length_have_gradients_at_zero():
    values = torch.zeros(2, 4, requires_grad=True)
    lengths(squash(values)).sum().backward()
    assert torch.isfinite(values.grad).all()
    torch.testing.assert_close(lengths(torch.tensor([[3.0, 4.0]])), torch.tensor([5.0]))


def routed(capsules, weight, n_outputs, n_iterations):
    """Procedure 1 of arXiv:1710.09829 for one row, loop by loop; returns the squashed capsules."""
    n_inputs, size = len(capsules), weight.shape[2] // n_outputs
    votes = np.array(
        [
            [capsules[i] @ weight[i][:, j * size : (j + 1) * size] for j in range(n_outputs)]
            for i in range(n_inputs)
        ]
    )
    b = np.zeros((n_inputs, n_outputs))
    for _ in range(n_iterations):
        c = np.exp(b) / np.exp(b).sum(axis=1, keepdims=True)
        s = np.array([sum(c[i, j] * votes[i, j] for i in range(n_inputs)) for j in range(n_outputs)])
        square = (s**2).sum(axis=1, keepdims=True)
        v = square / (1 + square) * s / np.sqrt(square)
        b = b + np.array([[votes[i, j] @ v[j] for j in range(n_outputs)] for i in range(n_inputs)])
    return v


@pytest.mark.parametrize("n_iterations", [1, 2, 3, 5])
def test_routing_is_procedure_1(n_iterations):
    torch.manual_seed(0)
    routing = Routing(6, 4, 3, 5, n_iterations).double()
    with torch.no_grad():
        routing.weight.mul_(10)
    capsules = torch.randn(7, 6, 4, dtype=torch.float64)
    found = squash(routing(capsules)).detach().numpy()
    weight = routing.weight.detach().numpy()
    expected = [routed(row, weight, 3, n_iterations) for row in capsules.numpy()]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_routing_sends_votes_where_they_agree():
    """Two capsules agree on class 0, and cancel on class 1, which a plain mean would not tell from 0."""
    routing = Routing(2, 1, 2, 2, 8)
    with torch.no_grad():
        routing.weight.copy_(torch.tensor([[[4.0, 0.0, 4.0, 0.0]], [[4.0, 0.0, -4.0, 0.0]]]))
    above = squash(routing(torch.ones(1, 2, 1)))
    length = lengths(above)[0]
    assert length[0] > 0.95
    assert length[1] < 0.05


def test_margin_loss_by_hand():
    """Eq. 4 with m+ = 0.9, m- = 0.1, lambda = 0.5."""
    length = torch.tensor([[0.95, 0.05], [0.4, 0.3], [0.0, 1.0]])
    found = margin_loss(length, torch.tensor([0, 1, 0]))
    expected = torch.tensor([0.0, 0.6**2 + 0.5 * 0.3**2, 0.9**2 + 0.5 * 0.9**2])
    torch.testing.assert_close(found, expected)
    found = margin_loss(length, torch.tensor([0, 1, 0]), present=0.5, absent=0.5, weight=1.0)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.2**2, 0.5**2 + 0.5**2]))


def small(**more):
    torch.manual_seed(3)
    return CapsuleNetwork((1, 16, 16), filters=6, kernel_size=5, n_primary=3, primary_size=4, **more)


def test_logits_are_the_log_odds_of_lengths():
    network, images = small(n_outputs=3).double(), torch.rand(5, 1, 16, 16, dtype=torch.float64)
    length = lengths(network.capsules(images))
    torch.testing.assert_close(network(images).sigmoid(), length, rtol=1e-6, atol=1e-7)
    network = small(n_outputs=1).double()
    length = lengths(network.capsules(images))
    expected = length.logit()[:, 1] - length.logit()[:, 0]
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


def test_primary_capsules_are_groups_of_channels_at_a_pixel():
    network, images = small().double(), torch.rand(2, 1, 16, 16, dtype=torch.float64)
    seen = []
    network.routing.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network(images)
    maps = network.primary(network.first(network.standardise(images)))
    assert maps.shape == (2, 12, 4, 4)
    assert seen[0].shape == (2, 3 * 4 * 4, 4)
    for capsule, (number, row, column) in {0: (0, 0, 0), 6: (0, 1, 2), 17: (1, 0, 1), 47: (2, 3, 3)}.items():
        expected = squash(maps[:, 4 * number : 4 * number + 4, row, column])
        torch.testing.assert_close(seen[0][:, capsule], expected)


def test_published_sizes():
    """MNIST: 6.8M parameters, 8.2M with the reconstruction (arXiv:1710.09829, section 5)."""
    assert n_parameters(CapsuleNetwork((1, 28, 28), n_outputs=10)) == 6_804_224
    whole = CapsuleNetwork((1, 28, 28), n_outputs=10, decoder=(512, 1024))
    assert n_parameters(whole) == 8_215_568


def test_settings_reach_the_network():
    chosen = {"signal": ["top"], "background": ["qcd"], "n_pixels": 40, "n_iterations": 2}
    network = build("tag", "capsule", chosen).network()
    routing = 8 * 12 * 12 * 8 * 2 * 16
    assert n_parameters(network) == 64 * (81 + 1) + 64 * (64 * 81 + 1) + routing
    assert network.routing.n_iterations == 2


def test_decoder_learns_to_reconstruct_from_the_capsule_of_the_label():
    network = small(n_outputs=2, decoder=(32,))
    generator = torch.Generator().manual_seed(0)
    images = torch.zeros(32, 1, 16, 16)
    label = torch.arange(32) % 2
    images[label == 0, :, 4:6] = 1.0
    images[label == 1, :, :, 9:11] = 1.0
    images = images * torch.rand(32, 1, 1, 1, generator=generator).add(0.5)
    network.standardise.measure(images)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    start = network.loss(images, label, 5e-3).mean().item()
    for _ in range(80):
        optimiser.zero_grad()
        loss = network.loss(images, label, 5e-3).mean()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.3 * start
    capsules = network.capsules(images)
    found = network.reconstruct(capsules, label)
    wanted = network.standardise(images)
    assert (found - wanted).square().mean() < 0.3 * wanted.square().mean()
    swapped = network.reconstruct(capsules, 1 - label)
    assert (swapped - wanted).square().mean() > 2 * (found - wanted).square().mean()
    margin = margin_loss(lengths(capsules), label)
    added = 5e-3 * (found - wanted).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(network.loss(images, label, 5e-3), margin + added)


def test_without_a_decoder_the_loss_is_the_margin_loss():
    network, images, label = small(), torch.rand(4, 1, 16, 16), torch.tensor([0, 1, 1, 0])
    expected = margin_loss(lengths(network.capsules(images)), label)
    torch.testing.assert_close(network.loss(images, label), expected)
    with pytest.raises(ConfigError, match="no decoder"):
        network.reconstruct(network.capsules(images), label)


def test_too_small_images_are_told():
    with pytest.raises(ConfigError, match=r"16 x 40 pixels are too few .* at least 17 are expected"):
        CapsuleNetwork((1, 16, 40))
    assert CapsuleNetwork((1, 17, 17), filters=2, n_primary=1).routing.weight.shape[0] == 1


# -- the loss of the tagger ----------------------------------------------------------------------------------


def tagger_of(**more):
    settings = {"signal": ["top"], "background": ["qcd"], "n_pixels": 12, "kernel_size": 4, "filters": 6}
    return build("tag", "capsule", {**settings, "n_primary": 3, "primary_size": 4, "class_size": 5, **more})


def network_of(tagger, n_outputs=1):
    torch.manual_seed(4)
    return tagger.network(n_outputs).double()


@pytest.mark.parametrize("n_outputs", [1, 3, 10])
def test_by_default_the_tagger_has_the_margin_loss_of_the_paper(n_outputs):
    """Eq. 4 of arXiv:1710.09829, class by class, of the lengths that the logits stand for."""
    tagger = tagger_of()
    network = network_of(tagger, n_outputs)
    with torch.no_grad():
        # Lengths on both sides of 0.1 and of 0.9.
        network.routing.weight[..., :5].mul_(0.1)
        network.routing.weight[..., 5:].mul_(30)
    images = torch.rand(40, 1, 12, 12, dtype=torch.float64)
    label = torch.arange(40) % max(2, n_outputs)
    length = lengths(network.capsules(images)).detach().numpy()
    assert ((length > 0.9).any(), (length < 0.1).any()) == (True, True)
    expected = np.zeros(40)
    for row, own in enumerate(label.tolist()):
        for k in range(max(2, n_outputs)):
            if k == own:
                expected[row] += max(0, 0.9 - length[row, k]) ** 2
            else:
                expected[row] += 0.5 * max(0, length[row, k] - 0.1) ** 2
    # Labels of two classes are floats.
    found = tagger.loss(network, (images, label.double() if n_outputs == 1 else label))
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_cross_entropy_can_be_chosen(n_outputs):
    assert tagger_of(loss="cross_entropy").loss is None
    tagger = tagger_of(loss="cross_entropy", decoder=True)
    network = network_of(tagger, n_outputs)
    images, label = torch.rand(7, 1, 12, 12, dtype=torch.float64), torch.arange(7) % max(2, n_outputs)
    logits = network(images)
    if n_outputs == 1:
        expected = torch.nn.functional.softplus(torch.where(label == 1, -logits, logits))
    else:
        expected = torch.nn.functional.cross_entropy(logits, label, reduction="none")
    wanted = network.standardise(images)
    rebuilt = network.reconstruct(network.capsules(images), label)
    added = (rebuilt - wanted).square().sum(dim=(1, 2, 3))
    torch.testing.assert_close(tagger.loss(network, (images, label)), expected + 0.0005 * added)
    heavier = tagger_of(loss="cross_entropy", decoder=True, reconstruction=0.02)
    torch.testing.assert_close(heavier.loss(network, (images, label)), expected + 0.02 * added)


def test_the_decoder_is_the_paper_s_and_off_by_default():
    """512 and 1024 hidden units, and one output for each pixel (figure 2)."""
    plain, whole = (network_of(tagger_of(**more), 3) for more in ({}, {"decoder": True}))
    assert plain.decoder is None
    widths = [(3 * 5, 512), (512, 1024), (1024, 144)]
    assert n_parameters(whole) - n_parameters(plain) == sum((a + 1) * b for a, b in widths)
    # The scores do not go through it.
    whole.load_state_dict(plain.state_dict(), strict=False)
    images = torch.rand(4, 1, 12, 12, dtype=torch.float64)
    assert torch.equal(whole(images), plain(images))


def test_margin_loss_learns_as_a_tagger():
    tagger = tagger_of(decoder=True)
    network = network_of(tagger)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 12, 12, dtype=torch.float64, generator=generator)
    label = (torch.arange(64) % 2).double()
    images[label == 1, :, 3:5] += 2.0
    network.standardise.measure(images)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(40):
        optimiser.zero_grad()
        tagger.loss(network, (images, label)).mean().backward()
        optimiser.step()
    assert ((network(images) > 0) == (label == 1)).all()
    assert margin_loss(lengths(network.capsules(images)), label).mean() < 0.05
