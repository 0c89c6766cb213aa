"""A studio of a thousand clients on paper: how long they wait and what is loaded, in turns and in one queue.

    python scripts/simulate_studio.py [--clients 1000] [--seats 64] [--packs 200] [--hours 4] [--price 2.50] [--seed 0]

The daemon's own `Jobs` decides, turns and preferences included; only time is made up. Each client has a pack of its own
choice (the second is asked for half as often as the first, the third a third as often …), asks for a take, listens, and
asks again; one in fifty asks for sixteen at once now and then. *First come, first served* is the same code told of one
client, and of no seat that holds anything. Prints a table for each of the timings. Pure: the same seed prints the same.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
from dataclasses import dataclass, field

from punchin_server.daemon.jobs import Job, Jobs
from punchin_server.worker import LOADED
from punchin_wire.messages import Done

SWEEP = 16
"""Jobs that a client submits at once when it compares parameters."""
GREEDY = 50
"""One client in so many does that."""
BUSY = 0.9
"""The part of all seats' time that would be filled if every job had to load its pack."""
FOUR_TAKES = 0.3
"""The part of jobs that make four takes at once; the others make one."""
END = Done({}, {})


@dataclass(frozen=True)
class Timings:
    """Seconds: of loading a pack (packs are of these sizes in turn), and of a job with one take and with four."""

    name: str
    loads: tuple[float, ...]
    one: float
    four: float

    @property
    def job(self) -> float:
        """Of a job, on average."""
        return (1 - FOUR_TAKES) * self.one + FOUR_TAKES * self.four

    @property
    def load(self) -> float:
        """Of loading, on average."""
        return statistics.fmean(self.loads)


TIMINGS = (
    Timings("2 cores, measured: musicgen-small and medium are loaded, holes of 15 s filled", (2.5, 10.4), 13.8, 24.1),
    Timings("an H100, computed: musicgen-large, half precision", (20.0,), 5.0, 8.7),
)
"""The first from docs/benchmarks.md; in the second only the ratio of one take to four was measured."""


@dataclass
class Seat:
    """What a worker holds, the engine used last at the end, as `punchin_server.worker` keeps it."""

    held: list[str] = field(default_factory=list)

    def load(self, engine: str) -> bool:
        """Use an engine. Returns whether it had to be loaded."""
        new = engine not in self.held
        self.held = [*(each for each in self.held if each != engine), engine][-LOADED:]
        return new


@dataclass
class Run:
    """What came of it: seconds that jobs waited, by whether their client asks for many, and what seats did."""

    waits: dict[bool, list[float]]
    loads: int
    loading: float
    jobs: int
    hours: float


@dataclass(frozen=True)
class Asked:
    """A job that is to come."""

    at: float
    client: int
    pack: int
    seconds: float

    @property
    def greedy(self) -> bool:
        return self.client % GREEDY == 0


def arrivals(timings: Timings, clients: int, seats: int, packs: int, hours: float, seed: int) -> list[Asked]:
    """Everything that is asked for within so many hours, by time."""
    chance = random.Random(seed)
    weights = [1 / rank for rank in range(1, packs + 1)]
    asked_each = (SWEEP / GREEDY + (GREEDY - 1) / GREEDY) * clients  # jobs when every client has asked once
    pause = asked_each * (timings.job + timings.load) / (BUSY * seats)
    asked = []
    for client, pack in enumerate(chance.choices(range(packs), weights, k=clients)):
        now = chance.uniform(0.0, pause)
        while now < hours * 3600:
            for _ in range(SWEEP if client % GREEDY == 0 else 1):
                asked.append(Asked(now, client, pack, timings.four if chance.random() < FOUR_TAKES else timings.one))
            now += chance.expovariate(1 / pause)
    return sorted(asked, key=lambda job: job.at)


def simulate(timings: Timings, asked: list[Asked], seats: int, fair: bool) -> Run:
    """Let the daemon's `Jobs` run everything that was asked for."""
    jobs = Jobs(limit=len(asked), seats=seats)
    workers = {seat: Seat() for seat in range(1, seats + 1)}
    known = {str(number): job for number, job in enumerate(asked)}
    events: list[tuple[float, int, str]] = [(job.at, 0, name) for name, job in known.items()]
    heapq.heapify(events)
    run = Run({True: [], False: []}, 0, 0.0, len(asked), 0.0)
    now = 0.0
    while events:
        now, seat, name = heapq.heappop(events)
        if seat:
            jobs.report(seat, name, END, now)
            jobs.forget(jobs.get(name))
        else:
            job = known[name]
            jobs.submit(Job(name, "inpaint", f"{job.pack}", False, now, f"{job.client}" if fair else ""))
        idle = {seat: worker.held if fair else () for seat, worker in workers.items() if seat not in jobs.running}
        while (started := jobs.start(idle, now)) is not None:
            del idle[started.seat]
            job = known[started.job.id]
            new = workers[started.seat].load(started.job.wants)
            loading = timings.loads[job.pack % len(timings.loads)] if new else 0.0
            run.waits[job.greedy].append(now - job.at)
            run.loads += loading > 0
            run.loading += loading
            heapq.heappush(events, (now + loading + job.seconds, started.seat, started.job.id))
    run.hours = now / 3600
    return run


HEADER = (
    "| | wait: mean | half of them | 95 of 100 | longest | who asks for 16: mean | loads an hour | seats' time spent "
    "loading | a thousand jobs cost |\n|---|---|---|---|---|---|---|---|---|"
)


def row(name: str, run: Run, seats: int, timings: Timings, price: float) -> str:
    """One line of the table."""
    modest = sorted(run.waits[False])
    spent = run.loading + run.jobs * timings.job
    waits = (statistics.fmean(modest), statistics.median(modest), modest[len(modest) * 95 // 100], modest[-1])
    cells = [f"{seconds:.0f} s" for seconds in (*waits, statistics.fmean(run.waits[True]))]
    share = run.loading / (run.hours * 3600 * seats)
    cost = 1000 * price * spent / 3600 / run.jobs
    return f"| {name} | {' | '.join(cells)} | {run.loads / run.hours:.0f} | {share:.0%} | {cost:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seats", type=int, default=64)
    parser.add_argument("--packs", type=int, default=200)
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--price", type=float, default=2.50, help="of one GPU for an hour")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for timings in TIMINGS:
        asked = arrivals(timings, given.clients, given.seats, given.packs, given.hours, given.seed)
        print(f"\n{timings.name}; {len(asked)} jobs:\n\n{HEADER}")
        for name, fair in ("first come, first served", False), ("in turns, what is loaded first", True):
            print(row(name, simulate(timings, asked, given.seats, fair), given.seats, timings, given.price), flush=True)


if __name__ == "__main__":
    main()
