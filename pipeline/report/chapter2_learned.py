"""Writes chapter 2: filters, feature maps and features that the network learned."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from pipeline.data.digits import Split
from pipeline.networks.lenet5 import SIDE
from pipeline.report import image_grid, plots, receptive_patches
from pipeline.report.html import Block, Chapter, Heading, Plot, SideBySide, Table, Text, Thumbnails
from pipeline.report.image_grid import Thumbnail
from pipeline.report.run_data import RunData

_SEARCHED: Final = 2_000  # test pictures that are searched for those that excite a unit
_PATCHES: Final = 6  # of test digits, for each unit
_POINTS: Final = 600  # points in a plot
_FITTED: Final = 3_000  # training pictures for the other classifiers
_CLASSIFIED: Final = 3_000  # test pictures that they classify

Floats = npt.NDArray[np.float32]


def chapter(run_data: RunData) -> Chapter:
    """Returns the chapter of a run."""
    classified, numbers = _other_classifiers(run_data)
    exciting, silent = excited(run_data)
    return Chapter(
        "learned",
        "What it learned",
        [*_weights(run_data), *_maps(run_data), *exciting, *_projections(run_data), *classified],
        {"f6_classifiers": numbers, "silent_units": silent},
    )


def _weights(run_data: RunData) -> list[Block]:
    first, third = (run_data.model.get_layer(name).get_weights()[0] for name in ("c1", "c3"))
    c1 = [
        image_grid.signed(kernel, str(number), f"Filter {number} of C1")
        for number, kernel in enumerate(first[:, :, 0].transpose(2, 0, 1), 1)
    ]
    most = float(np.abs(third).max())
    rows = []
    for source in range(third.shape[2]):
        kernels = [image_grid.signed(third[:, :, source, out], largest=most) for out in range(third.shape[3])]
        rows.append(
            (
                f"from map {source + 1}",
                [image_grid.sheet(kernels, len(kernels), text=f"C3 on map {source + 1} of S2")],
            )
        )
    return [
        Heading("The filters"),
        Thumbnails(
            "filters-c1",
            [("C1", c1)],
            "The six filters of C1, 5×5 weights each: strokes, edges and their ends.",
            72,
        ),
        Thumbnails(
            "filters-c3",
            rows,
            "The sixteen filters of C3, one in each column; its six rows are what it looks for in the six maps of S2. "
            "They only make sense together: strokes that meet, bend or end.",
            620,
        ),
    ]


def _maps(run_data: RunData) -> list[Block]:
    features = run_data.features(run_data.example[None])
    groups: list[tuple[str, list[Thumbnail]]] = [
        ("input", [image_grid.ink(run_data.example, text="The digit")])
    ]
    for name in ("c1", "s2", "c3", "s4"):
        maps = features[name][0]
        most = float(np.abs(maps).max())
        groups.append(
            (
                f"{name.upper()}, {maps.shape[2]} maps of {maps.shape[0]}×{maps.shape[1]}",
                [
                    image_grid.signed(maps[..., i], text=f"Map {i + 1} of {name.upper()}", largest=most)
                    for i in range(maps.shape[2])
                ],
            )
        )
    for name, shape in (("c5", (6, 20)), ("f6", (6, 14)), ("logits", (1, 10))):
        values = features[name][0].reshape(shape)
        groups.append(
            (
                f"{name.upper() if name != 'logits' else name}, {values.size} numbers",
                [image_grid.signed(values, text=f"The outputs of {name}")],
            )
        )
    maps, flat = groups[:5], groups[5:]
    return [
        Heading("One digit on its way through"),
        Thumbnails(
            "feature-maps",
            maps,
            "What each layer makes of one test digit, strongest where it is most opaque. C1 still shows the digit, each map a different "
            "kind of stroke; C3 says where in the digit something was found; after S4 only the rough place is left.",
            64,
        ),
        Thumbnails(
            "feature-vectors",
            flat,
            "The dense layers as blocks of cells, the logits as a row from 0 to 9: blue numbers are positive, orange ones negative.",
            280,
        ),
    ]


def excited(run_data: RunData) -> tuple[list[Block], dict[str, tuple[int, int]]]:
    """Returns the part on what excites the units, and for each layer how many of how many units nothing excites."""
    images = run_data.dataset.test.images[:_SEARCHED]
    features = run_data.features(images)
    blocks: list[Block] = [
        Heading("What excites a unit most"),
        Text(
            "For each unit the pictures to which it responds most. First the result of gradient ascent on the pixels, which starts "
            f"from the average of the test digits with the strongest responses; next to it those with the strongest responses among {len(images):,} test digits. Where both agree, they show what the unit detects."
        ),
    ]
    silent = {name: receptive_patches.silent_units(outputs) for name, outputs in features.items()}
    for name in ("c1", "c3"):
        place = receptive_patches.RECEPTIVE_FIELDS[name]
        middle = features[name].shape[1] // 2
        ascents = receptive_patches.ascent(
            run_data.before_activation(name), receptive_patches.averages(features[name], images)
        )
        patches = receptive_patches.patches(features[name], images, place, _PATCHES)
        groups = []
        for unit, (best_input, unit_patches) in enumerate(zip(ascents, patches, strict=True), 1):
            if silent[name][unit - 1]:
                groups.append((f"map {unit}", [image_grid.crossed(place.side, f"Unit {unit} never answers")]))
                continue
            ascent = image_grid.ink(
                place.cut(best_input, middle, middle), "", f"Best input of unit {unit}", 1.0
            )
            groups.append(
                (
                    f"map {unit}",
                    [
                        ascent,
                        *(
                            image_grid.ink(patch, text=f"From the data, unit {unit}")
                            for patch in unit_patches
                        ),
                    ],
                )
            )
        blocks.append(
            Thumbnails(
                f"exciting-{name}",
                groups,
                f"The {len(groups)} maps of {name.upper()}, in pieces of {place.side}×{place.side} pixels, all that one unit sees: the first of each row by ascent, the others from the data."
                + _silent_note(silent[name], len(images)),
                44,
            )
        )
    for name, columns in (("c5", 20), ("f6", 14), ("logits", 10)):
        ascents = receptive_patches.ascent(
            run_data.before_activation(name), receptive_patches.averages(features[name], images)
        )
        best = features[name].argmax(0)
        ascent_sheet = image_grid.sheet(
            [
                image_grid.crossed(SIDE) if never else image_grid.ink(best_input, largest=1.0)
                for best_input, never in zip(ascents, silent[name], strict=True)
            ],
            columns,
            text="By ascent",
        )
        data_sheet = image_grid.sheet(
            [
                image_grid.crossed(SIDE) if never else image_grid.ink(images[i])
                for i, never in zip(best, silent[name], strict=True)
            ],
            columns,
            text="From the data",
        )
        title = name.upper() if name != "logits" else "output"
        blocks.append(
            Thumbnails(
                f"exciting-{name}",
                [(f"{title}, ascent", [ascent_sheet]), ("from the data", [data_sheet])],
                f"The {len(ascents)} units of {title}, in the same order twice."
                + _silent_note(silent[name], len(images))
                + (
                    " Ascent starts from average digits. What it adds around them, no person would write: the network did not learn "
                    "what a digit looks like, only how it differs from the other nine."
                    if name == "logits"
                    else ""
                ),
                900,
            )
        )
    return blocks, {name: (int(units.sum()), len(units)) for name, units in silent.items()}


def _silent_note(silent: npt.NDArray[np.bool_], count: int) -> str:
    if not silent.any():
        return ""
    return f" {silent.sum()} of {len(silent)} say the same of each of the {count:,} digits, whatever it is: they never answer, and are crossed out."


def _projections(run_data: RunData) -> list[Block]:
    test = run_data.dataset.test
    subset = test.take(np.arange(min(_POINTS, len(test.labels))))
    features = run_data.features(subset.images)["f6"]
    pca = PCA(2, random_state=0)
    flat = {
        "pca": pca.fit_transform(features),
        "tsne": TSNE(2, perplexity=min(30, len(features) // 4), random_state=0).fit_transform(features),
    }
    share = float(pca.explained_variance_ratio_.sum())
    captions = {
        "pca": f"Principal components: the straight view from the side where the features vary most, {share:.0%} of their variance.",
        "tsne": "t-SNE: bent so that neighbors stay neighbors. Between the islands lie the digits that are hard to tell apart.",
    }
    scatter_plots = []
    for name, points in flat.items():
        with plots.drawing(plots.WIDTH, 4.6) as (figure, ax):
            for digit in range(10):
                digit_points = points[subset.labels == digit]
                tint = plots.color(plots.SERIES[digit])
                ax.scatter(
                    digit_points[:, 0],
                    digit_points[:, 1],
                    s=26,
                    marker=f"${digit}$",
                    color=tint,
                    linewidths=0.2,
                )
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
            scatter_plots.append(
                Plot(
                    f"features-{name}",
                    plots.svg(figure, f"features-{name}"),
                    captions[name],
                    f"{len(points)} digits in the plane by {name}",
                )
            )
    return [
        Heading("F6 as a description of a digit"),
        Text(
            f"F6 turns 784 pixels into 84 numbers. Here {len(subset.labels):,} test digits lie where their 84 numbers put them, "
            "squeezed into two dimensions."
        ),
        SideBySide(scatter_plots),
    ]


def _other_classifiers(run_data: RunData) -> tuple[list[Block], dict[str, Any]]:
    rng = np.random.default_rng(0)
    train, test = run_data.dataset.train, run_data.dataset.test
    fit_split = train.take(rng.permutation(len(train.labels))[:_FITTED])
    test_split = test.take(np.arange(min(_CLASSIFIED, len(test.labels))))
    inputs = {
        "F6": tuple(run_data.features(split.images)["f6"] for split in (fit_split, test_split)),
        "pixels": tuple(
            (split.images.reshape(len(split.images), -1) / 255.0) for split in (fit_split, test_split)
        ),
    }
    accuracies: dict[str, dict[str, float]] = {}
    for label, make in (
        ("logistic regression", lambda: LogisticRegression(max_iter=200)),
        ("5 nearest neighbors", lambda: KNeighborsClassifier(5)),
        ("support vectors, RBF kernel", SVC),
    ):
        accuracies[label] = {
            source: _score(make(), features, fit_split, test_split) for source, features in inputs.items()
        }
    network_accuracy = float((run_data.predicted_digits(test_split.images) == test_split.labels).mean())
    rows = [
        (label, f"{accuracy['F6']:.2%}", f"{accuracy['pixels']:.2%}")
        for label, accuracy in accuracies.items()
    ]
    return [
        Heading("F6 as inputs to another classifier"),
        Table(
            ("classifier", "on the 84 features of F6", "on the 784 pixels"),
            [*rows, ("the network's own last layer", f"{network_accuracy:.2%}", "")],
            f"Trained on {len(fit_split.labels):,} training digits, measured on {len(test_split.labels):,} test digits. Where F6 does better than "
            "the pixels, the network has already done the work: what it learned can be used again.",
        ),
    ], accuracies | {"network": {"F6": network_accuracy}}


def _score(classifier: Any, features: tuple[Any, ...], fit_split: Split, test_split: Split) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 200 steps are near enough
        classifier.fit(features[0], fit_split.labels)
    return float((classifier.predict(features[1]) == test_split.labels).mean())
