import numpy as np
import pytest

from pipeline.synthesis import paper


def test_papers_differ_and_are_light() -> None:
    tiles = paper.tiles(np.random.default_rng(1), 6)
    assert tiles.shape == (6, paper.HEIGHT, paper.WIDTH)
    assert np.allclose(tiles.mean((1, 2)), 1, atol=1e-3)
    assert (tiles > 0).mean() > 0.999
    assert len({tile.tobytes() for tile in tiles}) == 6


def test_equal_seeds_draw_equal_papers() -> None:
    first, second, other = (paper.tiles(np.random.default_rng(seed), 6) for seed in (2, 2, 3))
    assert np.array_equal(first, second)
    assert not any(np.array_equal(*pair) for pair in zip(first, other, strict=True))


def test_the_ground_is_printed_faintly() -> None:
    """Ink is darker than this by far."""
    tiles = paper.tiles(np.random.default_rng(4), 12)
    assert tiles.std((1, 2)).min() > 0.01
    assert np.quantile(tiles, 0.001) > 0.4


@pytest.mark.parametrize("sigma", [0.7, 3.0, 8.0])
def test_smooth_noise_has_no_finer_detail(sigma: float) -> None:
    noise = paper.smooth_noise(np.random.default_rng(0), sigma, (128, 256))
    assert (noise.shape, noise.dtype) == ((128, 256), np.float32)
    assert noise.mean() == pytest.approx(0, abs=0.6)
    assert noise.std() == pytest.approx(1, abs=1e-3)
    # A Gaussian filter of this width leaves steps of about 1/sigma between neighbors, also across the edge.
    steps = np.diff(noise, axis=1, append=noise[:, :1]).std()
    assert steps == pytest.approx(1 / (np.sqrt(2) * sigma), rel=0.35)


def test_counted_grounds_are_different_and_printed_faintly() -> None:
    makers = sorted(set(paper.COUNTED_GROUNDS), key=paper.COUNTED_GROUNDS.index)
    assert len(paper.COUNTED_GROUNDS) == 32
    tiles = paper.tiles(np.random.default_rng(4), len(makers), makers)
    assert len(makers) == 8
    assert len({tile.tobytes() for tile in tiles}) == 8
    assert np.quantile(tiles, 0.001) > 0.4
    assert np.allclose(tiles.mean((1, 2)), 1, atol=1e-3)
