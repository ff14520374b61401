"""Tables of the toy search: their spectrum, their features, and that they repeat."""

from __future__ import annotations

import numpy as np

from resonaut.cli import main


def test_tables(tmp_path) -> None:
    for name in ("one", "two"):
        words = ["--folder", str(tmp_path / name), "--background", "20000", "--signal", "5000"]
        assert main(["toy", *words]) in (0, None)
    background, signal = (np.load(tmp_path / "one" / f"{name}.npy") for name in ("background", "signal"))
    assert (tmp_path / "one/background.npy").read_bytes() == (tmp_path / "two/background.npy").read_bytes()
    assert (background.shape, signal.shape, background.dtype) == ((20_000, 5), (5_000, 5), np.float32)
    # Means within 5 standard deviations of what they are drawn from.
    assert abs(background[:, 0].mean() - 3000) < 5 * 600 / np.sqrt(20_000)
    assert background[:, 0].min() >= 2400
    assert abs(signal[:, 0].mean() - 3500) < 5 * 60 / np.sqrt(5000)
    np.testing.assert_allclose(background[:, 1:].mean(0), 0, atol=5 / np.sqrt(20_000))
    np.testing.assert_allclose(signal[:, 1:].mean(0), [1.5, 1.5, 0, 0], atol=5 / np.sqrt(5000))
    # The features of the background are independent of the mass.
    correlation = np.corrcoef(background.T)[0, 1:]
    np.testing.assert_allclose(correlation, 0, atol=5 / np.sqrt(20_000))
