"""Each function on each array, ours and a peer's in turn: the ratio, and how far above the floor."""

from __future__ import annotations

from tests.benchmarks.floor import floor
from tests.benchmarks.limits import limit
from tests.benchmarks.machine import give_memory_back
from tests.benchmarks.pairs import paired
from tests.benchmarks.peers import OURS, PEERS, check
from tests.benchmarks.results import Ratio


def test_ratio(benchmark, results, effort, threads, pair):
    work, function, ours, peer = pair
    give_memory_back()
    mine, theirs = OURS[ours](function, work, threads), PEERS[peer](function, work, threads)
    check(peer, function, work, theirs)
    ratio, over_floor = paired(benchmark, mine, [theirs, floor(work, threads)], effort)
    names = ours, peer, function, work.name
    results.ratios.append(Ratio.of(names, ratio, over_floor, limit(ours, peer, function, work)))
