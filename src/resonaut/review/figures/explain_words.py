"""Words and units that figures of `tag explain` share."""

from __future__ import annotations

from typing import Any

SYMBOLS = {
    "mass": (r"$m$", "GeV"),
    "soft_drop_mass": (r"$m_{SD}$", "GeV"),
    "soft_drop_pt": (r"$p_{T,SD}$", "GeV"),
    "soft_drop_zg": (r"$z_g$", ""),
    "soft_drop_rg": (r"$R_g$", "rad"),
    "soft_drop_multiplicity": (r"$n_{SD}$", ""),
    "pt": (r"$p_T$", "GeV"),
    "eta": (r"$\eta$", ""),
    "multiplicity": (r"$n_{const}$", ""),
    "charged_multiplicity": (r"$n_{charged}$", ""),
    "tau1": (r"$\tau_1$", ""),
    "tau2": (r"$\tau_2$", ""),
    "tau3": (r"$\tau_3$", ""),
    "tau21": (r"$\tau_{21}$", ""),
    "tau32": (r"$\tau_{32}$", ""),
    "c2": (r"$C_2$", ""),
    "d2": (r"$D_2$", ""),
    "m2": (r"$M_2$", ""),
    "n2": (r"$N_2$", ""),
    "width": ("width", ""),
    "ptd": (r"$p_T^D$", ""),
    "angularity_lha": ("LHA", ""),
}
METHODS = {
    "gradient": "Gradient per std. dev.",
    "integrated_gradients": "Integrated gradients",
    "shap": "Shapley values",
}


def symbol(name: str) -> str:
    """What an observable is called in figures: `jets/tau32/1` is tau32 of jet 1."""
    parts = name.removeprefix("events/").removeprefix("jets/").split("/")
    found = SYMBOLS.get(parts[0], (parts[0].replace("_", " "), ""))[0]
    return found if len(parts) == 1 else f"{found} of jet {parts[1]}"


def axis(name: str) -> str:
    """The same with its unit."""
    unit = SYMBOLS.get(name.removeprefix("jets/").split("/")[0], ("", ""))[1]
    return f"{symbol(name)} [{unit}]" if unit else symbol(name)


def rows_of(result: dict[str, Any]) -> str:
    """Tagger and number of test rows."""
    total = f"{sum(result['n'].values()):,}".replace(",", " ")
    return f"{result['tagger']}: {total} test rows"


def explained(result: dict[str, Any]) -> str:
    """What is explained."""
    return "prediction" if result.get("target") is None else "log odds"
