#!/usr/bin/env python3
"""A fleet of replicas against what they share: STS and the API server of the cluster.

Every replica follows the rules of the code: when credentials are fetched again, how failures are
spread, how watches end and begin, how a lease is looked at. What comes out is requests a second, at
most and on average. The same seed gives the same table, which docs/scale.md holds.

usage: bench/fleet/simulate.py [--replicas 1000] [--identities 20] [--watches 15] [--seed 1]
"""

import argparse
import heapq
import random
from collections import Counter

HOUR = 3600


class Load:
    """Requests a second, told apart by who is asked."""

    def __init__(self):
        self.seconds = Counter()

    def add(self, at):
        self.seconds[int(at)] += 1

    def most(self, start=0, end=float("inf")):
        return max((count for second, count in self.seconds.items() if start <= second < end), default=0)

    def mean(self, start, end):
        return sum(count for second, count in self.seconds.items() if start <= second < end) / (end - start)


# As crates/sealgate-aws/src/identity/refresh.rs has it.
MARGIN = 300


def wait_after_success(lifetime, dice, jitter=True):
    share = lifetime * 0.8
    wait = min(share, lifetime - MARGIN) if lifetime > 2 * MARGIN else share
    return max(wait * (1 - 0.1 * dice.random() * jitter), 1)


def wait_after_failure(failures, dice):
    return min(2 ** min(failures - 1, 6), 60) * (0.8 + 0.4 * dice.random())


def sts(options, dice, *, starts, outage=None, jitter=True, lifetime=HOUR, until=12 * HOUR):
    """AssumeRole calls of a fleet whose replicas start at `starts`."""
    load, queue, failures = Load(), [], {}
    for replica, start in enumerate(starts):
        for identity in range(options.identities):
            heapq.heappush(queue, (start, replica, identity))
    while queue:
        at, replica, identity = heapq.heappop(queue)
        if at >= until:
            break
        load.add(at)
        key = (replica, identity)
        if outage and outage[0] <= at < outage[1]:
            failures[key] = failures.get(key, 0) + 1
            wait = wait_after_failure(failures[key], dice)
        else:
            failures[key] = 0
            wait = wait_after_success(lifetime, dice, jitter)
        heapq.heappush(queue, (at + wait, replica, identity))
    return load


# As crates/sealgate-kube/src/watch.rs and line.rs have it; a watch ends by itself after WATCH
# seconds. While the server does not answer, one watch of each replica tries.
WATCH, RETRY, LONGEST, SETTLED = 290, 0.5, 5.0, 0.3


def watches(options, dice, *, outage=None, until=2 * HOUR):
    """Requests that begin a watch, or try to; an outage ends all of them at once."""
    load = Load()
    for _ in range(options.replicas):
        # One time a watch, spread as the replicas' starts were.
        for _ in range(options.watches):
            at = dice.random() * WATCH
            while at < (outage[0] if outage else until):
                load.add(at)
                at += WATCH
        if outage:
            back = retries(load, dice, *outage)
            for _ in range(options.watches):
                at = back + RETRY * (1 - 0.5 * dice.random())
                while at < until:
                    load.add(at)
                    at += WATCH
    return load


def retries(load, dice, begin, end):
    """The tries of one replica; when it knows that the server is back."""
    at, delay = begin, RETRY
    while True:
        at += delay * (1 - 0.5 * dice.random())
        load.add(at)
        if at >= end:
            return at + SETTLED
        delay = min(delay * 2, LONGEST)


# As crates/sealgate-kube/src/lease.rs has it.
RENEW, LOOK = 5, 5


def lease(options, dice, until=HOUR):
    load = Load()
    for replica in range(options.replicas):
        period = RENEW if replica == 0 else LOOK * (1 + dice.randrange(64) / 128)
        at = dice.random() * period
        while at < until:
            load.add(at)
            if replica == 0:
                load.add(at)  # read, then written
            at += period
    return load


def row(what, load, start, end):
    return f"| {what} | {load.most(start, end):,} | {load.mean(start, end):,.1f} |"


def table(options):
    dice = random.Random(options.seed)
    count = options.replicas
    at_once = [0.0] * count
    rolled = [number * 600 / count for number in range(count)]
    outage = (2640, 3240)  # when most are due
    hours = (HOUR, 12 * HOUR)
    broken = sts(options, dice, starts=rolled, outage=outage, until=2 * HOUR)
    gone = watches(options, dice, outage=(HOUR, HOUR + 20))
    rows = [
        "| what | at most a second | on average a second |",
        "|---|--:|--:|",
        row("STS: all replicas start at once, the start itself", sts(options, dice, starts=at_once, until=10), 0, 10),
        row("STS: all started at once, the second hour on, without jitter",
            sts(options, dice, starts=at_once, jitter=False), *hours),
        row("STS: all started at once, the second hour on", sts(options, dice, starts=at_once), *hours),
        row("STS: rolled out over ten minutes, the second hour on", sts(options, dice, starts=rolled), *hours),
        row("STS: does not answer for ten minutes, tries meanwhile", broken, *outage),
        row("STS: the five minutes after that", broken, outage[1], outage[1] + 300),
        row("API server: watches, an hour of quiet", watches(options, dice), HOUR, 2 * HOUR),
        row("API server: gone for 20 s, tries meanwhile", gone, HOUR, HOUR + 20),
        row("API server: the 10 s after that", gone, HOUR + 20, HOUR + 30),
        row("API server: the lease", lease(options, dice), 60, HOUR),
    ]
    return "\n".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, default=1000)
    parser.add_argument("--identities", type=int, default=20)
    parser.add_argument("--watches", type=int, default=15, help="watches of one replica")
    parser.add_argument("--seed", type=int, default=1)
    print(table(parser.parse_args()))


if __name__ == "__main__":
    main()
