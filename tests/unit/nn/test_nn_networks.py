"""Networks: a contract over all taggers; Deep Sets do not see order or padding; the VAE's likelihood."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut import registry
from resonaut.nn.networks.activations import Maxout, activation
from resonaut.nn.networks.dense import Standardise, dense
from resonaut.nn.networks.efn import EnergyFlowNetwork
from resonaut.nn.networks.pfn import ParticleFlowNetwork
from resonaut.nn.networks.vae import ImageVAE, kl_divergence
from resonaut.nn.training import n_parameters
from resonaut.settings import validate

# -- every tagger: a new file in tag/methods is tested by being there ----------------------------------------

N_PIXELS = 34
"""Two kernels of 9 pixels, and five halvings, leave something of these."""
LENGTHS = (9, 1, 14, 6, 3, 12)
TAGGERS = registry.names("tag")
every_tagger = pytest.mark.parametrize("name", TAGGERS)
any_outputs = pytest.mark.parametrize("n_outputs", [1, 3, 10])


def tagger_of(name):
    """With the settings that it needs, at their defaults else, and its representation."""
    fields = registry.load("tag", name).Settings.model_fields
    settings = {"signal": ["signal"], "background": ["background"]}
    if "n_pixels" in fields:
        settings["n_pixels"] = N_PIXELS
    if "inputs" in fields and fields["inputs"].is_required():
        settings["inputs"] = ["mjj", "jets/tau21/0", "jets/tau21/1", "jets/mass"]
    model = validate(registry.load("tag", name).Settings, settings)
    return registry.build("tag", name, model), model.representation()


def arguments_of(tagger, representation, padding=0, fill=0.0, seed=0):
    """Arguments of a network: clouds with padding, rows of features, or sparse images; float64."""
    n, n_inputs = len(LENGTHS), len(tagger.inputs)
    generator = torch.Generator().manual_seed(seed)
    if representation == "features":
        return (torch.randn(n, n_inputs, generator=generator, dtype=torch.float64),)
    if representation == "images":
        images = torch.rand(n, n_inputs, N_PIXELS, N_PIXELS, generator=generator, dtype=torch.float64)
        return (images * (images > 0.6),)
    mask = torch.arange(max(LENGTHS) + padding) < torch.tensor(LENGTHS)[:, None]
    drawn = torch.randn(n, max(LENGTHS), n_inputs, generator=generator, dtype=torch.float64)
    values = torch.full((*mask.shape, n_inputs), fill, dtype=torch.float64)
    values[:, : max(LENGTHS)] = torch.where(mask[:, : max(LENGTHS), None], 0.3 * drawn, fill)
    return values, mask


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network_of(tagger, n_outputs=1):
    torch.manual_seed(1)
    return tagger.network(n_outputs)


@every_tagger
@any_outputs
def test_logits_have_a_shape_and_gradients_reach_every_parameter(name, n_outputs):
    tagger, representation = tagger_of(name)
    network = network_of(tagger, n_outputs).train()
    arguments = [x.float() if x.is_floating_point() else x for x in arguments_of(tagger, representation)]
    if hasattr(network, "standardise"):
        network.standardise.measure(arguments[0][arguments[1]] if len(arguments) > 1 else arguments[0])
    logits = network(*arguments)
    assert logits.shape == ((len(LENGTHS),) if n_outputs == 1 else (len(LENGTHS), n_outputs))
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    assert logits.unique().numel() > 1 or tagger.fit is not None
    parameters = dict(network.named_parameters())
    assert parameters or tagger.fit is not None
    if not parameters:
        return
    target = torch.linspace(-1, 1, logits.numel()).view(logits.shape)
    (logits - target).square().sum().backward()
    assert [name for name, p in parameters.items() if p.grad is None] == []
    assert [name for name, p in parameters.items() if not p.grad.isfinite().all()] == []
    assert [name for name, p in parameters.items() if not (p.grad != 0).any()] == []


@every_tagger
def test_rows_do_not_see_each_other_when_they_are_scored(name):
    tagger, representation = tagger_of(name)
    network = network_of(tagger, 3).double().eval()
    first, other = (arguments_of(tagger, representation, seed=seed) for seed in (0, 1))
    with torch.no_grad():
        expected = network(*first)
        mixed = [torch.cat([b[:2], a[2:5], b[5:], b[:1]]) for a, b in zip(first, other, strict=True)]
        found = network(*mixed)[2:5]
        alone = network(*(argument[3:4] for argument in first))
    torch.testing.assert_close(found, expected[2:5], rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(alone, expected[3:4], rtol=1e-9, atol=1e-10)


@every_tagger
@pytest.mark.parametrize("fill", [0.0, 7.0])
def test_padding_does_not_matter_to_any_tagger_of_clouds(name, fill):
    tagger, representation = tagger_of(name)
    if representation != "clouds":
        pytest.skip(f"{representation} have no padding")
    network = network_of(tagger, 3).double().eval()
    with torch.no_grad():
        expected = network(*arguments_of(tagger, representation))
        found = network(*arguments_of(tagger, representation, padding=11, fill=fill))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@every_tagger
def test_only_the_last_layer_knows_the_number_of_classes(name):
    """Without an argument there is one output; more outputs add weights of one layer, in equal steps."""
    tagger, _ = tagger_of(name)
    sizes = {n: n_parameters(network_of(tagger, n)) for n in (3, 4, 5)}
    assert sizes[4] - sizes[3] == sizes[5] - sizes[4]
    assert sizes[4] > sizes[3] or tagger.fit is not None
    torch.manual_seed(1)
    default = {key: tensor.shape for key, tensor in tagger.network().state_dict().items()}
    assert default == {key: tensor.shape for key, tensor in network_of(tagger, 1).state_dict().items()}


@pytest.mark.parametrize(("name", "published"), [("particlenet", 366_160), ("particlenet_lite", 26_416)])
def test_particlenets_with_two_outputs_have_the_published_sizes(name, published):
    """arXiv:1902.08570, table 4: 7 inputs, 2 outputs."""
    tagger, _ = tagger_of(name)
    assert len(tagger.inputs) == 7
    assert n_parameters(tagger.network(2)) == published


# -- activations of the fully connected parts ----------------------------------------------------------------

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout")


@pytest.mark.parametrize("name", ["dense", "pfn", "efn"])
@pytest.mark.parametrize("chosen", ACTIVATIONS)
def test_activation_of_the_settings_is_behind_every_layer_but_the_last(name, chosen):
    own = {"hidden": [8, 5], "inputs": ["a", "b", "c"]} if name == "dense" else {"phi": [20, 12], "f": [9]}
    settings = {"signal": ["s"], "background": ["b"], "activation": chosen, **own}
    network = registry.build("tag", name, settings).network()
    layers = [module for module in network.modules() if not list(module.children())]
    linear = [number for number, module in enumerate(layers) if isinstance(module, torch.nn.Linear)]
    wanted = Maxout if chosen == "maxout" else type(activation(chosen))
    assert len(linear) == (3 if name == "dense" else 4)
    assert all(isinstance(layers[number + 1], wanted) for number in linear[:-1])
    assert sum(isinstance(module, wanted) for module in layers) == len(linear) - 1
    assert layers[linear[-1]].out_features == 1


@pytest.mark.parametrize("chosen", ACTIVATIONS)
def test_dense_layers_are_their_formula(chosen):
    torch.manual_seed(0)
    network = dense([3, 4, 2], last_activation=False, activation=chosen).double()
    values = torch.randn(6, 3, dtype=torch.float64)
    hidden = values @ network[0].weight.T + network[0].bias
    hidden = hidden.view(6, 4, 2).amax(-1) if chosen == "maxout" else activation(chosen)(hidden)
    torch.testing.assert_close(network(values), hidden @ network[2].weight.T + network[2].bias)
    assert list(network.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_deep_sets_with_another_activation_are_their_formula():
    torch.manual_seed(0)
    values, mask = torch.randn(2, 4, 3, dtype=torch.float64), torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]]) > 0
    pfn = ParticleFlowNetwork(3, (5,), (4,), activation="tanh").double()
    phi = torch.tanh(values @ pfn.phi[0].weight.T + pfn.phi[0].bias)
    hidden = torch.tanh((phi * mask[..., None]).sum(1) @ pfn.f[0].weight.T + pfn.f[0].bias)
    torch.testing.assert_close(pfn(values, mask), (hidden @ pfn.f[2].weight.T + pfn.f[2].bias)[:, 0])
    efn = EnergyFlowNetwork(3, (5,), (), activation="elu").double()
    phi = torch.nn.functional.elu(values[..., 1:] @ efn.phi[0].weight.T + efn.phi[0].bias)
    pt = values[..., 0].exp() * mask
    latent = (phi * (pt / pt.sum(1, keepdim=True))[..., None]).sum(1)
    torch.testing.assert_close(efn.encode(values, mask), latent)


# -- Deep Sets -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pfn():
    torch.manual_seed(0)
    return ParticleFlowNetwork(7, (20, 30), (10,)).double()


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 20), padding=st.integers(0, 9), seed=st.integers(0, 2**31))
def test_pfn_does_not_see_order_or_padding(pfn, n, padding, seed):
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(rng.normal(size=(2, n, 7)))
    plain = pfn(values, torch.ones(2, n, dtype=torch.bool))
    wide = torch.zeros(2, n + padding, 7, dtype=torch.float64)
    where = np.sort(rng.permutation(n + padding)[:n])
    wide[:, where] = values[:, rng.permutation(n)]
    mask = torch.zeros(2, n + padding, dtype=torch.bool)
    mask[:, where] = True
    torch.testing.assert_close(pfn(wide, mask), plain, rtol=1e-10, atol=1e-10)


def test_pfn_sums_phi():
    """Two copies of a jet's constituents have twice its latent vector: a sum, not a mean."""
    torch.manual_seed(1)
    network = ParticleFlowNetwork(3, (8, 5), (4,)).double()
    values = torch.randn(1, 6, 3, dtype=torch.float64)
    once = network.encode(values, torch.ones(1, 6, dtype=torch.bool))
    twice = network.encode(torch.cat([values, values], dim=1), torch.ones(1, 12, dtype=torch.bool))
    torch.testing.assert_close(twice, 2 * once)


def test_pfn_has_the_published_size():
    """82k parameters (arXiv:1902.09914, table 1): sum of (inputs + 1) * outputs over its layers."""
    network = ParticleFlowNetwork(7, (100, 100, 256), (100, 100, 100))
    sizes = [(7, 100), (100, 100), (100, 256), (256, 100), (100, 100), (100, 100), (100, 1)]
    assert n_parameters(network) == sum((a + 1) * b for a, b in sizes) == 82_757


def test_standardise_gives_mean_0_and_width_1():
    values = torch.randn(1000, 3) * torch.tensor([1.0, 5.0, 0.0]) + torch.tensor([0.0, -40.0, 7.0])
    layer = Standardise(3)
    layer.measure(values)
    out = layer(values)
    torch.testing.assert_close(out.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(0, correction=0), torch.tensor([1.0, 1.0, 0.0]), atol=1e-5, rtol=0)


def test_dense_activations():
    layers = [type(layer).__name__ for layer in dense([2, 3, 4], last_activation=False)]
    assert layers == ["Linear", "ReLU", "Linear"]
    assert len(dense([2, 3, 4], last_activation=True)) == 4


def test_kl_agrees_with_torch():
    mean, log_variance = torch.randn(50, 6), torch.randn(50, 6)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(posterior, prior).sum(-1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def toy_images(n, seed=0, n_pixels=6):
    rng = np.random.default_rng(seed)
    images = rng.exponential(size=(n, n_pixels, n_pixels)) * (rng.random((n, n_pixels, n_pixels)) < 0.3)
    images[:, 0, 0] += 0.5
    return torch.tensor(images / images.sum((1, 2), keepdims=True), dtype=torch.float32)


def test_vae_loss_is_the_likelihood_of_its_parts():
    """Against torch's Bernoulli and normal densities, up to the constant that the docstring allows."""
    torch.manual_seed(2)
    vae = ImageVAE(6, (12,), 3)
    images = toy_images(40)
    vae.measure(images)
    torch.manual_seed(5)
    found = vae.loss(images, kl_weight=0.7)
    torch.manual_seed(5)
    mean, log_variance = vae.encode(images)
    latent = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
    logit, location, log_scale = vae.decode(latent)
    flat = images.flatten(1)
    hit = flat > 0
    bernoulli = torch.distributions.Bernoulli(logits=logit).log_prob(hit.float()).sum(1)
    logs = (flat.clamp_min(1e-30).log() - vae.log_mean) / vae.log_width
    normal = torch.distributions.Normal(location, log_scale.exp()).log_prob(logs) + 0.5 * np.log(2 * np.pi)
    expected = -(bernoulli + (normal * hit).sum(1)) + 0.7 * kl_divergence(mean, log_variance)
    torch.testing.assert_close(found, expected)


def test_vae_starts_at_the_mean_occupancy():
    torch.manual_seed(3)
    vae = ImageVAE(6, (12,), 3)
    images = toy_images(4000)
    vae.measure(images)
    with torch.no_grad():
        vae.decoder[-1].weight.zero_()
    drawn = vae.sample(4000, normalise=True) > 0
    torch.testing.assert_close(
        drawn.float().mean(0), (images > 0).float().mean(0), atol=5 * (0.25 / 2000) ** 0.5, rtol=0
    )


def test_vae_samples_are_physical():
    torch.manual_seed(4)
    vae = ImageVAE(6, (12,), 3)
    vae.measure(toy_images(100))
    with torch.no_grad():
        # So improbable that only the rule 'at least one pixel' fills them.
        vae.decoder[-1].bias[:36] = -40.0
    drawn = vae.sample(200, normalise=True)
    assert (drawn >= 0).all()
    assert ((drawn > 0).sum((1, 2)) == 1).all()
    torch.testing.assert_close(drawn.sum((1, 2)), torch.ones(200))
