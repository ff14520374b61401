"""Pixels of jets, compiled: each jet is centred, turned, mirrored, drawn and normalised before the next.

The work grows with the constituents and not with the pixels: only touched pixels are transformed, normalised
and cleared.
"""

from __future__ import annotations

import numpy as np

from resonaut.compiled import kernel

CENTRES = ("centroid", "axis", "leading", "none")
"""Origins of the image; their places here are the codes that the kernel takes."""
CHANNELS = ("pt", "charged", "neutral", "multiplicity")
"""What pixels add up, likewise."""
TRANSFORMS = ("linear", "sqrt", "log")
"""What becomes of a pixel, likewise."""
NORMS = ("none", "sum", "max", "l2")
"""What pixels are divided by, likewise."""

_CENTROID, _AXIS, _LEADING, _NONE = range(4)
_PT, _CHARGED, _NEUTRAL, _MULTIPLICITY = range(4)
_LINEAR, _SQRT, _LOG = range(3)
_UNSCALED, _SUM, _MAX, _L2 = range(4)

# Angles of float32 are rounded by up to 2.4e-7. The edges of pixels stand this much (radian) lower, and a
# constituent nearer to an axis has no side: what lies on an axis of the jet falls to one side of it always.
_ROUNDING = 1e-6


@kernel()
def _wrap(angle):
    """The angle in [-pi, pi); the seam stands as much lower as the edges: a window of 2 pi holds all."""
    return angle - 2 * np.pi * np.floor((angle + np.pi + _ROUNDING) / (2 * np.pi))


@kernel()
def _origin(pt, eta, phi, first, last, centre, axis_eta, axis_phi):
    """eta and phi of the image's centre; a jet without pt has no centroid, but a first constituent."""
    if centre == _NONE or first == last:
        return 0.0, 0.0
    if centre == _AXIS:
        return axis_eta, axis_phi
    hardest = first
    total = 0.0
    for row in range(first, last):
        total += pt[row]
        if pt[row] > pt[hardest]:
            hardest = row
    eta_0, phi_0 = np.float64(eta[hardest]), np.float64(phi[hardest])
    if centre == _LEADING or not total > 0:
        return eta_0, phi_0
    sum_eta = 0.0
    sum_phi = 0.0
    for row in range(first, last):
        sum_eta += pt[row] * (eta[row] - eta_0)
        # Around the hardest constituent, phi has no seam.
        sum_phi += pt[row] * _wrap(phi[row] - phi_0)
    return eta_0 + sum_eta / total, phi_0 + sum_phi / total


@kernel()
def _rotate(pt, first, x, y):
    """Turn x and y about the origin: the axis of the largest second moment of pt becomes vertical."""
    xx = yy = xy = 0.0
    for row in range(len(x)):
        weight = np.float64(pt[first + row])
        xx += weight * x[row] * x[row]
        yy += weight * y[row] * y[row]
        xy += weight * x[row] * y[row]
    angle = 0.5 * np.arctan2(2 * xy, yy - xx)
    cos, sin = np.cos(angle), np.sin(angle)
    for row in range(len(x)):
        x[row], y[row] = cos * x[row] - sin * y[row], sin * x[row] + cos * y[row]


@kernel()
def _flip(pt, first, values):
    """Mirror the values if more pt is below zero than above."""
    above = below = 0.0
    for row in range(len(values)):
        if values[row] > _ROUNDING:
            above += pt[first + row]
        elif values[row] < -_ROUNDING:
            below += pt[first + row]
    # Equal sums stay equal in any order of the constituents.
    if below > above * (1 + _ROUNDING):
        for row in range(len(values)):
            values[row] = -values[row]


@kernel()
def _align(pt, eta, phi, first, last, centre, axis_eta, axis_phi, rotate, flip, x, y):
    """Fill x (eta) and y (phi), (last - first,) each, with the coordinates of one jet's constituents."""
    eta_0, phi_0 = _origin(pt, eta, phi, first, last, centre, axis_eta, axis_phi)
    for row in range(last - first):
        x[row] = eta[first + row] - eta_0
        y[row] = _wrap(phi[first + row] - phi_0)
    if rotate:
        _rotate(pt, first, x, y)
    if flip:
        _flip(pt, first, x)
        _flip(pt, first, y)


@kernel()
def align(pt, eta, phi, offsets, axes, centre, rotate, flip, x, y):
    """Fill x and y, (n_constituents,) float64, with coordinates in the frame of each jet.

    `axes` is (2, n_jets): eta and phi of the jets; it may have no columns where `centre` does not use them.
    """
    for jet in range(len(offsets) - 1):
        first, last = offsets[jet], offsets[jet + 1]
        axis_eta, axis_phi = (axes[0, jet], axes[1, jet]) if centre == _AXIS else (0.0, 0.0)
        own_x, own_y = x[first:last], y[first:last]
        _align(pt, eta, phi, first, last, centre, axis_eta, axis_phi, rotate, flip, own_x, own_y)


@kernel()
def _place(x, y, half, shape, pixel):
    """Fill `pixel` with the flat index of each constituent's pixel, -1 outside the window."""
    scale_y, scale_x = shape[0] / (2 * half[0]), shape[1] / (2 * half[1])
    for row in range(len(x)):
        vertical = np.floor((y[row] + half[0] + _ROUNDING) * scale_y)
        horizontal = np.floor((x[row] + half[1] + _ROUNDING) * scale_x)
        inside = 0 <= vertical < shape[0] and 0 <= horizontal < shape[1]
        pixel[row] = np.int64(vertical) * shape[1] + np.int64(horizontal) if inside else -1


@kernel()
def _draw(pt, charge, first, channel, transform, pixel, image, touched):
    """Add one channel of one jet to the empty `image`; return how many pixels are now in `touched`."""
    n_touched = 0
    for row in range(len(pixel)):
        value = np.float64(pt[first + row])
        if pixel[row] < 0 or not value > 0:
            continue
        if channel == _CHARGED and charge[first + row] == 0:
            continue
        if channel == _NEUTRAL and charge[first + row] != 0:
            continue
        if image[pixel[row]] == 0:
            touched[n_touched] = pixel[row]
            n_touched += 1
        image[pixel[row]] += 1.0 if channel == _MULTIPLICITY else value
    if transform != _LINEAR:
        for number in range(n_touched):
            value = image[touched[number]]
            image[touched[number]] = np.sqrt(value) if transform == _SQRT else np.log1p(value)
    return n_touched


@kernel()
def _norm(image, touched, norm):
    """The number that an image is divided by; 1 for an empty one."""
    total = 0.0
    for pixel in touched:
        value = image[pixel]
        if norm == _SUM:
            total += value
        elif norm == _MAX:
            total = max(total, value)
        elif norm == _L2:
            total += value * value
    if norm == _L2:
        total = np.sqrt(total)
    return total if total > 0 else 1.0


@kernel()
def fill(pt, eta, phi, charge, offsets, axes, centre, rotate, flip, half, channels, transform, norm, images):
    """Draw all jets.

    Args:
        pt, eta, phi: (n_constituents,); GeV, radian.
        charge: (n_constituents,) int8, 0 or not; or empty where no channel needs it.
        offsets: (n_jets + 1,) first constituent of each jet.
        axes: (2, n_jets) eta and phi of the jets, or no columns where `centre` does not use them.
        centre, transform, norm: codes, see the tuples of the module.
        rotate, flip: whether to.
        half: (2,) the window is -half[0] to half[0] in phi and -half[1] to half[1] in eta.
        channels: (n_channels,) codes.
        images: (n_jets, n_channels, n_rows, n_columns) float32 zeros, that are filled.
    """
    n_jets, _, n_rows, n_columns = images.shape
    longest = 1
    for jet in range(n_jets):
        longest = max(longest, offsets[jet + 1] - offsets[jet])
    x_all, y_all = np.empty(longest), np.empty(longest)
    pixel_all, touched = np.empty(longest, np.int64), np.empty(longest, np.int64)
    image = np.zeros(n_rows * n_columns)
    # Charged and neutral parts are divided by what the whole is divided by, so that they add up to it.
    shared = False
    for channel in channels:
        shared |= norm != _UNSCALED and channel in (_CHARGED, _NEUTRAL)
    for jet in range(n_jets):
        first, last = offsets[jet], offsets[jet + 1]
        x, y, pixel = x_all[: last - first], y_all[: last - first], pixel_all[: last - first]
        axis_eta, axis_phi = (axes[0, jet], axes[1, jet]) if centre == _AXIS else (0.0, 0.0)
        _align(pt, eta, phi, first, last, centre, axis_eta, axis_phi, rotate, flip, x, y)
        _place(x, y, half, (n_rows, n_columns), pixel)
        whole = 1.0
        if shared:
            n = _draw(pt, charge, first, _PT, transform, pixel, image, touched)
            whole = _norm(image, touched[:n], norm)
            image[touched[:n]] = 0.0
        for number in range(len(channels)):
            n = _draw(pt, charge, first, channels[number], transform, pixel, image, touched)
            divisor = whole
            if norm != _UNSCALED and (not shared or channels[number] == _MULTIPLICITY):
                divisor = _norm(image, touched[:n], norm)
            out = images[jet, number].reshape(n_rows * n_columns)
            for index in touched[:n]:
                out[index] = image[index] / divisor
                image[index] = 0.0
