"""The picture of the packages: what is drawn of the imports, and in which order."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import grimp

from scripts import draw_architecture

CONTRACTS = [
    {"type": "layers", "containers": ["pipeline"], "layers": ["cli", "data", "run : config"]},
    {"type": "layers", "containers": ["serving"], "layers": ["http", "images", "errors : table"]},
    {"type": "forbidden", "source_modules": ["serving"], "forbidden_modules": ["pipeline"]},
]
EDGES = {
    ("pipeline.cli", "pipeline.data"),
    ("pipeline.cli", "pipeline.run"),
    ("pipeline.data", "pipeline.run"),
    ("pipeline.run", "pipeline.config"),
    ("pipeline.data", "serving.images"),
    ("serving.http", "serving.images"),
    ("serving.http", "serving.table"),
    ("serving.images", "serving.errors"),
    ("checkreader", "serving.http"),
}


def test_what_follows_from_other_imports_is_left_out() -> None:
    edges = {("a", "b"), ("b", "c"), ("c", "d"), ("a", "d"), ("a", "c"), ("b", "e")}
    assert draw_architecture.reduce_edges(edges) == {("a", "b"), ("b", "c"), ("c", "d"), ("b", "e")}


def test_an_importer_stands_above_what_it_imports() -> None:
    order = draw_architecture.rows(CONTRACTS, EDGES)
    assert order["pipeline"] == ["pipeline.cli", "pipeline.data", "pipeline.run", "pipeline.config"]
    assert order["serving"] == ["serving.http", "serving.images", "serving.errors", "serving.table"]
    reverse = {("pipeline.config", "pipeline.run")}
    assert draw_architecture.rows(CONTRACTS, reverse)["pipeline"][2:] == ["pipeline.config", "pipeline.run"]


def test_every_package_and_import_is_drawn() -> None:
    picture = draw_architecture.draw(draw_architecture.rows(CONTRACTS, EDGES), EDGES)
    root = ElementTree.fromstring(picture)
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"cli", "data", "run", "config", "http", "images", "errors", "table", "checkreader/"} <= set(texts)
    arrows = re.findall(r"marker-end=\"url\(#(\w+)\)\"", picture)
    # Three inside the pipeline, since one follows; one from it to serving; three inside serving.
    assert sorted(arrows) == ["checkreader"] + ["pipeline"] * 4 + ["serving"] * 3


def test_the_code_s_own_imports() -> None:
    edges = draw_architecture.imports_between(
        grimp.build_graph("checkreader", "pipeline", "serving", cache_dir=None)
    )
    assert ("checkreader", "serving.recognition") in edges
    assert ("pipeline.training", "pipeline.networks") in edges
    assert all(source != target for source, target in edges)
    assert not any(target.startswith("pipeline") for source, target in edges if source.startswith("serving"))
