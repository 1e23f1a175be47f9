"""Which rows may not be torn apart: declared groups, exact copies, likely copies; directly or through others."""

from collections import Counter
from collections.abc import Sequence

from shipworthy.data._repeats import normal
from shipworthy.data.leakage import within
from shipworthy.data.leakage._clusters import components


def groups(
    text_N: Sequence[str], content_N: Sequence[str], declared_N: Sequence[tuple[str, ...]], *, near: bool
) -> list[str]:
    """(N,) a name for every row's group: the smallest of the names in it, so that the order of rows says nothing.

    Names come from the declared values where there are any, and from the normal text otherwise: a row that joins a
    group does not rename it, unless it brings a smaller name along.

    Args:
        content_N: names of the rows' content; the group of a row without text and without declared values.
        declared_N: per row the values of the group columns as "column=value"; empty values are left out before.
    """
    keys = [f"text={key}" if (key := normal(text)) else "" for text in text_N]
    own_N = [
        names[0] if names else key or f"row={content}"
        for names, key, content in zip(declared_N, keys, content_N, strict=True)
    ]
    times = Counter(keys)
    edges: list[tuple[str, str]] = []
    for own, names, key in zip(own_N, declared_N, keys, strict=True):
        edges += [(own, name) for name in names[1:]]
        if names and key and times[key] > 1:
            edges.append((own, key))
    if near:
        edges += [(own_N[cluster[0]], own_N[row]) for cluster in within(text_N) for row in cluster[1:]]
    name_of = {name: least for component in components(edges) for least in [min(component)] for name in component}
    return [name_of.get(own, own) for own in own_N]
