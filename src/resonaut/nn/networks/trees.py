"""Boosted decision trees as tensors: no pickle, and one program for every device and for export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

BLOCK = 2**18
"""Nodes, one per row and tree, that are looked at together: a few tensors of this length are held."""

_TREES = ("feature", "threshold", "child", "value")


class TreeEnsemble(nn.Module):
    """Sums of decision trees, which `nn.trees.fit` grows; a new one has none and gives 0.

    All rows go down all trees together, one level at a time: a node sends a row to its left child if
    value <= threshold, else to the right one, which stands behind the left. A leaf is its own child. Trees
    are in the order of falling depth, so that a level concerns the first few only. Their number and size are
    those of the state that is loaded.

    Buffers, of n_trees trees of at most n_nodes nodes each:
        feature: (n_trees, n_nodes) column that a node looks at: an input, or n_features more than that, which
            is the same input where a missing value (NaN) goes left instead of right, as at leaves.
        threshold: (n_trees, n_nodes), infinity at leaves.
        child: (n_trees, n_nodes) left child, as a position in all nodes of all trees.
        value: (n_trees, n_nodes) what a leaf adds to its output.
        output: (n_trees,) output that a tree adds to.
        depth: (n_trees,) levels below the root, falling.
        baseline: (n_outputs,) sum without trees.

    Args:
        n_features: inputs of a row.
        n_outputs: 1 for the log odds of signal or a prediction, else the number of classes.
    """

    feature: Tensor
    threshold: Tensor
    child: Tensor
    value: Tensor
    output: Tensor
    depth: Tensor
    baseline: Tensor

    def __init__(self, n_features: int, n_outputs: int = 1) -> None:
        super().__init__()
        self.n_features, self.n_outputs = n_features, n_outputs
        self.register_buffer("feature", torch.zeros(0, 1, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(0, 1, dtype=torch.float32))
        self.register_buffer("child", torch.zeros(0, 1, dtype=torch.int32))
        self.register_buffer("value", torch.zeros(0, 1, dtype=torch.float64))
        self.register_buffer("output", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("depth", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("baseline", torch.zeros(n_outputs, dtype=torch.float64))
        self._n_deep: tuple[int, ...] = ()

    @property
    def n_fitted(self) -> int:
        """Numbers that were learnt: a threshold per split and a value per leaf."""
        n_splits = int(self.threshold.isfinite().sum())
        return 2 * n_splits + len(self.output)

    def forward(self, values: Tensor) -> Tensor:
        """Sum of the trees of each row.

        Args:
            values: (n, n_features) float32, to which the thresholds are rounded; NaN where missing.

        Returns:
            (n,) if there is one output, else (n, n_outputs): what scikit-learn calls the raw prediction.
        """
        rows = max(1, BLOCK // max(1, len(self.output)))
        # An exported graph must not hold the number of blocks of its example.
        if torch.compiler.is_compiling() or torch.jit.is_tracing() or len(values) <= rows:
            sums = self._sums(values)
        else:
            sums = torch.cat([self._sums(part) for part in values.split(rows)])
        return sums.squeeze(-1) if self.n_outputs == 1 else sums

    def _sums(self, values: Tensor) -> Tensor:
        """(n, n_outputs), from (n, n_features)."""
        (n_trees, n_nodes), n_rows = self.feature.shape, values.shape[0]
        table = values.t()
        columns = torch.cat([table, torch.where(table.isnan(), -torch.inf, table)])
        feature, threshold = self.feature.flatten(), self.threshold.flatten()
        child = self.child.flatten()
        root = torch.arange(n_trees, dtype=torch.int32, device=values.device) * n_nodes
        node, arrived = root[:, None].expand(-1, n_rows), []
        for n_deep in self._n_deep:
            arrived.append(node[n_deep:])
            moving = node[:n_deep].flatten()
            value = columns.gather(0, feature.index_select(0, moving).view(n_deep, n_rows)).flatten()
            # A comparison with NaN is false.
            right = ~(value <= threshold.index_select(0, moving))
            node = (child.index_select(0, moving) + right).view(n_deep, n_rows)
        node = torch.cat([node, *reversed(arrived)])
        leaf = self.value.flatten().index_select(0, node.flatten()).view(n_trees, n_rows)
        of_output = self.output[:, None] == torch.arange(self.n_outputs, device=values.device)
        return (leaf.t() @ of_output.to(leaf.dtype) + self.baseline).to(values.dtype)

    def _load_from_state_dict(
        self,
        state_dict: Mapping[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Take the number and size of the trees from what is loaded, then load it."""
        given = {name: state_dict.get(f"{prefix}{name}") for name in (*_TREES, "output", "depth")}
        if all(tensor is not None for tensor in given.values()):
            fault = self._fault(given)
            if fault:
                error_msgs.append(f"{prefix}{fault}")
                return
            for name, tensor in given.items():
                setattr(self, name, getattr(self, name).new_empty(tensor.shape))
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )
        levels = range(int(self.depth.max()) if len(self.depth) else 0)
        self._n_deep = tuple(int((self.depth > level).sum()) for level in levels)

    def _fault(self, given: Mapping[str, Tensor]) -> str:
        """What is wrong with the shapes or indices of trees; empty if nothing is."""
        shape = given["feature"].shape
        for name, tensor in given.items():
            wanted = shape if name in _TREES else shape[:1]
            if tensor.shape != wanted or len(shape) != 2:
                return f"{name}: shape {tuple(tensor.shape)} does not fit the trees' {tuple(shape)}"
        limits = {"feature": 2 * self.n_features, "child": max(1, shape.numel()), "output": self.n_outputs}
        for name, limit in limits.items():
            if given[name].numel() and not 0 <= int(given[name].min()) <= int(given[name].max()) < limit:
                return f"{name}: {int(given[name].max())} is not below {limit}; other inputs or outputs"
        return ""
