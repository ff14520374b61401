"""Colours, panels and files of figures."""

import numpy as np
import pytest

from resonaut.errors import ConfigError, OutputError
from resonaut.plot import style
from resonaut.plot.spectrum import smooth_curve


def test_a_dataset_keeps_its_colour_whatever_else_is_drawn():
    look = style.Look(datasets=("wprime", "qcd", "ttbar"))
    assert look.colour("qcd") == style.PALETTE_6[0]
    assert look.colour("wprime") == look.with_datasets(["wprime"]).colour("wprime") == style.PALETTE_6[2]
    assert style.Look().with_datasets(["wprime"]).colour("wprime") == style.PALETTE_6[0]


def test_more_than_six_datasets_take_the_longer_palette():
    names = tuple(f"d{number}" for number in range(10))
    look = style.Look(datasets=names)
    assert [look.colour(name) for name in names] == list(style.PALETTE_10)


def test_an_unknown_dataset_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'wprime'"):
        style.Look(datasets=("qcd", "wprime")).colour("wprim")


def test_panels_have_their_size_in_inches_and_do_not_overlap():
    figure, (top, bottom) = style.panels(
        [style.Row((True, False), height=4.0), style.Row((False,), square=True)], width=5.0
    )
    width, height = figure.get_size_inches()
    box = top[1].main.get_position()
    assert box.width * width == pytest.approx(5.0)
    assert box.height * height == pytest.approx(4.0)
    with_lower = top[0].main.get_position(), top[0].lower.get_position()
    assert (with_lower[0].y1 - with_lower[1].y0) * height == pytest.approx(4.0)
    assert with_lower[0].y0 > with_lower[1].y1
    square = bottom[0].main.get_position()
    assert square.width * width == pytest.approx(square.height * height)
    assert square.y1 < with_lower[1].y0


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("below", [False, True])
def test_a_legend_never_covers_the_data(log, below):
    with style.using(style.Look()):
        figure, [[panel]] = style.panels([style.Row((False,))])
        axes = panel.main
        axes.plot([0, 1], [1, 100], label="one")
        axes.plot([0, 1], [100, 1], label="two")
        axes.set_yscale("log" if log else "linear")
        axes.set_ylim(1, 100)
        style.add_legend(axes, below=below)
        box = axes.get_legend().get_window_extent(figure.canvas.get_renderer())
        ends = axes.transData.transform([(0, 1), (0, 100)])[:, 1]
        assert box.y1 < ends[0] if below else box.y0 > ends[1]


def test_no_other_format_is_written(tmp_path):
    figure, _ = style.panels([style.Row((False,))])
    with pytest.raises(ConfigError, match=r"'\.eps'; \.png, \.pdf, \.svg or \.json is expected"):
        style.save(figure, [tmp_path / "a.png", tmp_path / "a.eps"])
    assert not list(tmp_path.iterdir())


def test_an_output_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    figure, _ = style.panels([style.Row((False,))])
    with pytest.raises((OutputError, NotADirectoryError, FileExistsError)):
        style.save(figure, [tmp_path / "file" / "a.png"])


def test_the_curve_of_a_fit_passes_through_its_bins_and_does_not_kink():
    edges = np.arange(0.0, 11.0)
    expected = 1e4 * np.exp(-edges[:-1] / 2)
    expected[:2] = np.nan
    x, y = smooth_curve(edges, expected, 141)
    assert (x[0], x[-1]) == (2.5, 9.5)
    np.testing.assert_allclose(y, 1e4 * np.exp(-(x - 0.5) / 2), rtol=1e-9)
