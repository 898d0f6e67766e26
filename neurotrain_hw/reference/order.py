"""The order in which the nodes of a graph work within one step, and the edges that carry the step before.

Within a step, everything flows from the inputs to the outputs without delay. A node that decides what it sends before
anything arrives (a neuron that spikes on its old membrane potential, a delay) sends first. Around a loop something must
come a step late: see `Meaning.loops`.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from neurotrain_hw.errors import UnsupportedError
from neurotrain_hw.interchange.meaning import Loops

Edge = tuple[str, str]


@dataclass(frozen=True)
class Order:
    """`nodes` in the order in which they take what arrives; `late` edges carry what was sent one step before."""

    nodes: tuple[str, ...]
    late: frozenset[Edge]


def find_order(
    nodes: Iterable[str], edges: Iterable[Edge], *, inputs: Iterable[str], first: Iterable[str],
    with_state: Iterable[str], loops: Loops,
) -> Order:  # fmt: skip
    """The order of a graph's nodes.

    `first`: nodes that send before they take. `with_state`: neurons. A loop is entered at that of its nodes that is
    nearest to an input. Raises UnsupportedError for a loop that holds neither a neuron nor a delay.
    """
    graph = _Graph(list(nodes), list(edges), set(first), set(with_state))
    near = graph.distances(inputs)
    late: set[Edge] = set()
    while True:
        order, left = graph.sorted_without(late)
        if not left:
            return Order(tuple(order), frozenset(late))
        entries = sorted(graph.in_loops(left, late), key=lambda name: near[name])
        late |= next(filter(None, (graph.closing(entry, left, late, loops) for entry in entries)))


class _Graph:
    """Edges by their ends; those out of nodes that send first bind nobody."""

    def __init__(self, nodes: list[str], edges: list[Edge], first: set[str], with_state: set[str]) -> None:
        self.nodes, self.with_state = nodes, with_state
        self.before: Mapping[str, list[str]] = defaultdict(list)
        self.after: Mapping[str, list[str]] = defaultdict(list)
        self.all_after: Mapping[str, list[str]] = defaultdict(list)
        for pre, post in edges:
            self.all_after[pre].append(post)
            if pre not in first:
                self.before[post].append(pre)
                self.after[pre].append(post)

    def distances(self, inputs: Iterable[str]) -> dict[str, int]:
        """Edges from the nearest input; nodes that no input reaches come last, in the order of their names."""
        near = dict.fromkeys(inputs, 0)
        ahead = deque(near)
        unreached = deque(sorted(set(self.nodes) - set(near)))
        while ahead or unreached:
            if not ahead:
                name = unreached.popleft()
                if name in near:
                    continue
                near[name] = len(self.nodes) + len(near)
                ahead.append(name)
            name = ahead.popleft()
            for post in self.all_after[name]:
                if post not in near:
                    near[post] = near[name] + 1
                    ahead.append(post)
        return near

    def sorted_without(self, late: set[Edge]) -> tuple[list[str], set[str]]:
        """Nodes in an order that all edges but the late ones allow, and those that loops hold back."""
        waits = {name: sum((pre, name) not in late for pre in self.before[name]) for name in self.nodes}
        ready = deque(name for name in self.nodes if not waits[name])
        order = []
        while ready:
            name = ready.popleft()
            order.append(name)
            for post in self.after[name]:
                if (name, post) not in late:
                    waits[post] -= 1
                    if not waits[post]:
                        ready.append(post)
        return order, set(self.nodes) - set(order)

    def in_loops(self, left: set[str], late: set[Edge]) -> set[str]:
        """Of the nodes left, those that lie on a loop or between two: what leads to none is peeled off from behind."""
        leads = {name: sum(p in left and (name, p) not in late for p in self.after[name]) for name in left}
        ends = deque(name for name in left if not leads[name])
        found = set(left)
        while ends:
            name = ends.popleft()
            found.discard(name)
            for pre in self.before[name]:
                if pre in found and (pre, name) not in late:
                    leads[pre] -= 1
                    if not leads[pre]:
                        ends.append(pre)
        return found

    def closing(self, entry: str, left: set[str], late: set[Edge], loops: Loops) -> set[Edge]:
        """The edges to make late so that `entry` waits for nothing that comes from itself; none where nothing does."""
        reached = self.reached(entry, left, late)
        found = {(pre, entry) for pre in self.before[entry] if pre in reached and (pre, entry) not in late}
        if loops == "edges":
            self.check_state(entry, reached, late)
            return found
        moved: set[Edge] = set()
        ahead, seen = deque(found), set(found)
        while ahead:  # from stateless nodes back to the neurons that they take from
            pre, post = ahead.popleft()
            if pre in self.with_state:
                moved.add((pre, post))
                continue
            if pre == entry:
                raise _stateless(entry)
            for source in self.before[pre]:
                edge = (source, pre)
                if source in reached and edge not in late and edge not in seen:
                    seen.add(edge)
                    ahead.append(edge)
        return moved

    def reached(self, entry: str, left: set[str], late: set[Edge]) -> set[str]:
        """All that can be reached from a node."""
        found, ahead = {entry}, deque([entry])
        while ahead:
            name = ahead.popleft()
            for post in self.after[name]:
                if post in left and post not in found and (name, post) not in late:
                    found.add(post)
                    ahead.append(post)
        return found

    def check_state(self, entry: str, reached: set[str], late: set[Edge]) -> None:
        """UnsupportedError where a way leads from the entry back to it that meets no neuron."""
        if entry in self.with_state:
            return
        without = self.reached(entry, reached - self.with_state | {entry}, late)
        if any(pre in without for pre in self.before[entry] if (pre, entry) not in late):
            raise _stateless(entry)


def _stateless(entry: str) -> UnsupportedError:
    return UnsupportedError(
        "lies on a loop without a neuron or a delay, which has no order in time", where=f"node '{entry}'",
        remedy="Put a Delay or a neuron into the loop.",
    )  # fmt: skip
