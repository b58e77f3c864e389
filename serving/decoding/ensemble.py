"""Finds the strings that are likeliest on the mean of several views of one field.

Each view gives every string a probability; the search is for the string with the largest mean. Each view is
searched by itself (`ctc.search`), and no string that it did not list is likelier there than the last that it
proved: this bounds all other strings, and decides whether the first is known to be the likeliest. With one
view this is `ctc.search`.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.decoding import ctc
from serving.decoding.automata import Automaton
from serving.decoding.ctc import BUDGET, Hypothesis, Search
from serving.decoding.lattice import lattices
from serving.runtime.network import Floats


def search(
    views: Floats,
    accepts: Automaton | None = None,
    count: int = 3,
    budget: int = BUDGET,
    least: float = 0.0,
) -> Search:
    """Finds the likeliest strings of all views together, or the likeliest that an automaton accepts.

    Args:
        views: float [V, T, K], for each view the argument of `ctc.search`.
        accepts, count, budget: as for `ctc.search`; the budget is each view's.
        least: no string is searched for where all that are accepted are less likely than this together.

    Returns:
        As `ctc.search`. `exact` is False also where a string that no view has among its first may be as
        likely as the first here.
    """
    prepared = lattices(views, accepts)
    total = sum(lattice.total for lattice in prepared) / len(views)
    if total < least:
        return Search([], True, total, 0)
    searches = [ctc.search_lattice(lattice, count, budget) for lattice in prepared]
    if len(searches) == 1:
        return searches[0]
    listed = [
        {hypothesis.labels: hypothesis.probability for hypothesis in search.best} for search in searches
    ]
    limits = [_limit(search, count) for search in searches]
    # At most so likely, the likeliest first: few have to be computed in the views that did not list them.
    bounds = {
        labels: sum(strings.get(labels, limit) for strings, limit in zip(listed, limits, strict=True))
        / len(views)
        for view_strings in listed
        for labels in view_strings
    }
    best: list[Hypothesis] = []
    for labels in sorted(bounds, key=lambda labels: -bounds[labels]):
        if len(best) >= count and best[count - 1].probability >= bounds[labels]:
            break
        summed = sum(
            strings[labels] if labels in strings else ctc.probability(view, labels)
            for strings, view in zip(listed, views, strict=True)
        )
        best.append(Hypothesis(labels, summed / len(views)))
        best.sort(key=lambda hypothesis: -hypothesis.probability)
    best = best[:count]
    others = sum(limits) / len(views)
    proven = sum(hypothesis.probability >= others for hypothesis in best)
    return Search(best, proven > 0 or not (best or others), total, proven)


def probability(views: Floats, labels: Sequence[int]) -> float:
    """Returns the mean over the views, [V, T, K], of one string's total probability."""
    return sum(ctc.probability(view, labels) for view in views) / len(views)


def clearest_view(views: Floats, labels: Sequence[int]) -> int:
    """Returns the first view in which a string is likelier than not, else the one in which it is likeliest."""
    if len(views) == 1:
        return 0
    probabilities: list[float] = []
    for view in views:
        probabilities.append(ctc.probability(view, labels))
        if probabilities[-1] > 0.5:
            break
    return probabilities.index(max(probabilities))


def _limit(search: Search, count: int) -> float:
    """Bounds the probability of a string that is not among a view's proven ones."""
    if search.exact and search.proven == len(search.best) < count:
        return 0.0
    return search.best[search.proven - 1].probability if search.proven else 1.0
