"""Several looks at one field → the strings that are likeliest on their mean.

Each look gives every string a probability; what is searched for is the string with the largest mean. Each
is searched by itself (`ctc.search`), and no string that a look did not list is likelier there than the last
that it proved: so much is known of all others, and the first is known to be the likeliest or said not to be.
With one look this is `ctc.search`.
"""

from __future__ import annotations

from collections.abc import Sequence

from serving.decoding import ctc
from serving.decoding.check_digits import Automaton
from serving.decoding.ctc import BUDGET, Hypothesis, Search
from serving.runtime.network import Floats


def search(looks: Floats, accepts: Automaton | None = None, count: int = 3, budget: int = BUDGET) -> Search:
    """The likeliest strings of all looks together, or the likeliest that an automaton accepts.

    Args:
        looks: float [L, T, K], for each look what `ctc.search` takes.
        accepts, count, budget: as for `ctc.search`; the budget is each look's.

    Returns:
        As `ctc.search`. `exact` is False also where a string that no look has among its first may be as
        likely as the first here.
    """
    found = [ctc.search(look, accepts, count, budget) for look in looks]
    if len(found) == 1:
        return found[0]
    listed = [{one.labels: one.probability for one in one_look.best} for one_look in found]
    limits = [_limit(one_look, count) for one_look in found]
    # At most so likely, the likeliest first: few have to be computed in the looks that did not list them.
    bounds = {
        labels: sum(own.get(labels, limit) for own, limit in zip(listed, limits, strict=True)) / len(looks)
        for own in listed
        for labels in own
    }
    best: list[Hypothesis] = []
    for labels in sorted(bounds, key=lambda labels: -bounds[labels]):
        if len(best) >= count and best[count - 1].probability >= bounds[labels]:
            break
        total = sum(
            own[labels] if labels in own else ctc.probability(look, labels)
            for own, look in zip(listed, looks, strict=True)
        )
        best.append(Hypothesis(labels, total / len(looks)))
        best.sort(key=lambda one: -one.probability)
    best = best[:count]
    others = sum(limits) / len(looks)
    proven = sum(one.probability >= others for one in best)
    total = sum(one_look.total for one_look in found) / len(looks)
    return Search(best, proven > 0 or not (best or others), total, proven)


def probability(looks: Floats, labels: Sequence[int]) -> float:
    """The mean over the looks [L, T, K] of one string's total probability."""
    return sum(ctc.probability(look, labels) for look in looks) / len(looks)


def clearest_view(looks: Floats, labels: Sequence[int]) -> int:
    """The first look in which a string is likelier than not; where there is none, the one in which it is likeliest."""
    if len(looks) == 1:
        return 0
    chances: list[float] = []
    for look in looks:
        chances.append(ctc.probability(look, labels))
        if chances[-1] > 0.5:
            break
    return chances.index(max(chances))


def _limit(found: Search, count: int) -> float:
    """What a string that is not among a look's proven ones may have there at most."""
    if found.exact and found.proven == len(found.best) < count:
        return 0.0
    return found.best[found.proven - 1].probability if found.proven else 1.0
