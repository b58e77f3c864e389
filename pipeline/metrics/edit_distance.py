"""A reading laid against what is written: which digit was read as which, what was missed, what was made up."""

from __future__ import annotations


def align(truth: str, read: str) -> list[tuple[str, str]]:
    """The cheapest way from one string to the other (Levenshtein, Soviet Physics Doklady 10, 1966).

    Returns:
        Pairs (true sign, sign read) from left to right; "" on the right where a sign was missed, on
        the left where one was inserted. As many pairs differ as the distance says.
    """
    columns = len(read) + 1
    cost = [list(range(columns))]
    for i, sign in enumerate(truth, 1):
        above, row = cost[-1], [i]
        for j, other in enumerate(read, 1):
            row.append(min(above[j - 1] + (sign != other), above[j] + 1, row[j - 1] + 1))
        cost.append(row)
    pairs = []
    i, j = len(truth), len(read)
    while i or j:
        if i and j and cost[i][j] == cost[i - 1][j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            pairs.append((truth[i], read[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            pairs.append((truth[i], ""))
        else:
            j -= 1
            pairs.append(("", read[j]))
    return pairs[::-1]


def distance(truth: str, read: str) -> int:
    """How many signs must be changed, inserted or removed."""
    return sum(one != other for one, other in align(truth, read))
