"""The latent space of a tagger or of an autoencoder: classes, an observable, and what components know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.plot.correlation import draw_correlation
from resonaut.plot.images import BAR_MARGIN
from resonaut.plot.latent_space import draw_classes, draw_coloured
from resonaut.plot.style import Look, Row, add_label, add_title, panels
from resonaut.review.figures.explain_words import axis, rows_of, symbol

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(result: dict[str, Any], look: Look) -> Figure:
    """Draw the first two components twice, and the correlations of ranks of all."""
    figure, [made] = panels([Row((False,) * 3, height=5.4, left=1.6, right=BAR_MARGIN)], width=5.4)
    points, spearman = result["points"], result["spearman"]
    first, second = (np.array(values) for values in points["components"])
    names = dict(enumerate(result["classes"]))
    draw_classes(made[0].main, first, second, np.array(points["group"]), names)
    add_label(made[0].main, look)
    observables = list(points["observables"])
    strongest = max(observables, key=lambda name: max(map(abs, spearman[name][:2])))
    draw_coloured(made[1].main, first, second, np.array(points["observables"][strongest]), axis(strongest))
    for panel in made[:2]:
        shares = [f"{100 * share:.3g} % of the variance" for share in result["variance"][:2]]
        panel.main.set_xlabel(f"Component 1 ({shares[0]})")
        panel.main.set_ylabel(f"Component 2 ({shares[1]})" if len(shares) > 1 else "")
    order = ["score", *sorted(observables, key=lambda name: -max(map(abs, spearman[name])))]
    values = np.array([spearman[name] for name in order])
    columns = [f"{k + 1}" for k in range(values.shape[1])]
    draw_correlation(made[2].main, values, [symbol(name) for name in order], columns, "Correlation of ranks")
    made[2].main.set_xlabel("Principal component")
    add_title(
        made[1].main, f"latent space of {'an' if result['of'] == 'autoencoder' else 'the'} {result['of']}"
    )
    add_title(made[2].main, rows_of(result))
    return figure
