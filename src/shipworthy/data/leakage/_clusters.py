"""Rows that hang together through matches."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def components(pairs: Iterable[tuple[Node, Node]]) -> list[list[Node]]:
    """The connected components of a graph given by its edges; nodes and components in order of first appearance."""
    parent: dict[Node, Node] = {}

    def root(node: Node) -> Node:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs:
        low, high = root(one), root(other)
        parent[high] = low
    found: dict[Node, list[Node]] = defaultdict(list)
    for node in list(parent):
        found[root(node)].append(node)
    return list(found.values())
