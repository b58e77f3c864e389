"""Aligns a reading with its label: which digits were misread, missed or inserted."""

from __future__ import annotations


def align(truth: str, read: str) -> list[tuple[str, str]]:
    """Aligns two strings with the fewest edits (Levenshtein, Soviet Physics Doklady 10, 1966).

    Returns:
        Pairs (true character, character read) from left to right; "" on the right where a character was
        missed, on the left where one was inserted. The number of pairs that differ is the distance.
    """
    columns = len(read) + 1
    cost = [list(range(columns))]
    for i, true in enumerate(truth, 1):
        above, row = cost[-1], [i]
        for j, other in enumerate(read, 1):
            row.append(min(above[j - 1] + (true != other), above[j] + 1, row[j - 1] + 1))
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
