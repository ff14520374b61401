"""Training steps of weaver-core's ParticleNet, run by bench_particlenet.py with the peer's own Python.

    python peer_weaver.py JETS.npz full|lite

JETS holds flat (n_constituents, 7), offsets and label. Each line of the standard input is a way, then the
jets of a batch; the answer is the processor time and the time of forward, backward and step. Ways: "fixed":
padded to the longest jet of the file; "trimmed": the same, with the trimming of long jets that is on by
default; "buckets": padded to the longest jet of the batch.
"""

import json
import sys
import time

import numpy as np
import torch
from weaver.nn.model.ParticleNet import ParticleNet

SIZES = {
    "full": ([(16, (64,) * 3), (16, (128,) * 3), (16, (256,) * 3)], [(256, 0.1)]),
    "lite": ([(7, (32,) * 3), (7, (64,) * 3)], [(128, 0.1)]),
}


def batch(jets, rows: list[int], longest: int) -> tuple[torch.Tensor, ...]:
    """Padded points, features and mask, channels first, and the labels, as weaver's loader gives them."""
    flat, offsets = jets["flat"], jets["offsets"]
    features = np.zeros((len(rows), longest, flat.shape[1]), np.float32)
    mask = np.zeros((len(rows), 1, longest), np.float32)
    for place, row in enumerate(rows):
        jet = flat[offsets[row] : offsets[row + 1]]
        features[place, : len(jet)] = jet
        mask[place, 0, : len(jet)] = 1
    features = torch.from_numpy(np.ascontiguousarray(features.transpose(0, 2, 1)))
    return features[:, :2].clone(), features, torch.from_numpy(mask), torch.from_numpy(jets["label"][rows])


def main(path: str, size: str) -> None:
    """Answer each line."""
    with np.load(path) as file:
        jets = dict(file)
    lengths = np.diff(jets["offsets"])
    torch.manual_seed(0)
    networks = {}
    for way in ("fixed", "trimmed", "buckets"):
        network = ParticleNet(7, 2, *SIZES[size], use_fusion=False, trim=way == "trimmed").train()
        networks[way] = network, torch.optim.Adam(network.parameters())
        # Its first batches are not trimmed.
        network.trimmer._counter.fill_(network.trimmer.warmup_steps)
    print(sum(parameter.numel() for parameter in network.parameters()), flush=True)
    for line in sys.stdin:
        way, rows = json.loads(line)
        network, optimiser = networks[way]
        longest = lengths[rows].max() if way == "buckets" else lengths.max()
        points, features, mask, label = batch(jets, rows, longest)
        start = time.process_time(), time.perf_counter()
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(network(points, features, mask), label).backward()
        optimiser.step()
        print(time.process_time() - start[0], time.perf_counter() - start[1], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
