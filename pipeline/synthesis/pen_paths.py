"""Turns a tablet's trajectories into the path of a pen on a glyph's map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from pipeline.synthesis.glyph_bank import BASE, COLUMNS, UNIT
from pipeline.synthesis.stroke_language import Points, spline

_WIDEST: Final = 56  # columns; what is wider gets lower than a digit's body
_SMOOTHING: Final = 0.8  # standard deviation, in steps of the tablet's grid
_LEAST, _MOST = 0.5, 2.5  # standard deviations in the map's pixels


def pen_paths(strokes: Sequence[npt.NDArray[np.float32]], scale: float | None = None) -> list[Points]:
    """Puts a character's strokes on a map and smooths out the tablet's grid.

    Tablets of the nineties report steps of up to a tenth of a digit's height; a pen on paper goes around them.

    Args:
        strokes: [n, 2] with n ≥ 1, x to the right and y downwards in any unit.
        scale: a map's pixels per unit; None makes the character as high as a digit's body, or lower if it is wide.

    Returns:
        points a map's pixel apart, float64 [m, 2]; the character stands on the baseline.
    """
    points = np.concatenate(strokes).astype(np.float64)
    low, high = points.min(0), points.max(0)
    width, height = high - low
    if scale is None:
        scale = min(UNIT / max(height, 1e-9), _WIDEST / max(width, 1e-9)) if width or height else 1.0
    steps = np.abs(np.concatenate([np.diff(stroke, axis=0).ravel() for stroke in strokes]))
    grid = float(steps[steps > 0].min()) * scale if steps.any() else 0.0
    sigma = min(max(_SMOOTHING * grid, _LEAST), _MOST)
    shift = np.array([COLUMNS / 2, BASE]) - np.array([(low[0] + high[0]) / 2, high[1]]) * scale
    return [_smooth(stroke.astype(np.float64) * scale + shift, sigma) for stroke in strokes]


def _smooth(path: Points, sigma: float) -> Points:
    """Resamples a path to points a pixel apart and smooths them along it; its ends stay."""
    path = path[np.concatenate([[True], np.any(path[1:] != path[:-1], axis=1)])]
    if len(path) == 1:
        return path
    path = spline(path, 4)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
    at = np.linspace(0, along[-1], max(int(np.ceil(along[-1])), 1) + 1)
    path = np.stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)], 1)
    # Mirrored in its ends, a path bends nowhere there, so that smoothing leaves them in place.
    reach = min(len(path) - 1, int(4 * sigma) + 1)
    ends = (2 * path[0] - path[reach:0:-1], 2 * path[-1] - path[-2 : -2 - reach : -1])
    smooth = ndimage.gaussian_filter1d(np.concatenate([ends[0], path, ends[1]]), sigma, axis=0)
    return np.asarray(smooth[reach : reach + len(path)])
