import collections

import numpy as np
import pytest

from pipeline.synthesis import scenes
from pipeline.synthesis.scanner import PENCIL


def test_shares_are_of_all_fields() -> None:
    assert sum(scene.share for scene in scenes.SCENES.values()) == pytest.approx(1)
    for scene in scenes.SCENES.values():
        assert sum(share for _, share in scene.tools) == pytest.approx(1)


def test_scenes_and_tools_come_in_their_shares() -> None:
    rng = np.random.default_rng(0)
    names = collections.Counter(scenes.choose(rng) for _ in range(3000))
    for name, scene in scenes.SCENES.items():
        assert names[name] / 3000 == pytest.approx(scene.share, abs=0.03)
    cell = scenes.SCENES["cell"]
    pencils = np.mean([scenes.choose_tool(cell, rng) is PENCIL for _ in range(1000)])
    assert pencils == pytest.approx(dict(cell.tools)[PENCIL], abs=0.05)
