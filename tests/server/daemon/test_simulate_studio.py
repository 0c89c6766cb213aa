"""The simulated studio: the same seed tells the same story, in which turns and preferences are worth their code."""

import statistics

from fakes.script import load

studio = load("simulate_studio")
TIMINGS = studio.Timings("test", (20.0,), 5.0, 9.0)


def test_turns_let_who_asks_for_one_wait_less_and_preferences_load_less() -> None:
    asked = studio.arrivals(TIMINGS, clients=100, seats=6, packs=20, hours=1.0, seed=1)
    assert asked == studio.arrivals(TIMINGS, clients=100, seats=6, packs=20, hours=1.0, seed=1)
    first, turns = (studio.simulate(TIMINGS, asked, 6, fair) for fair in (False, True))
    for run in (first, turns):
        assert sum(map(len, run.waits.values())) == run.jobs == len(asked) > 500
    assert statistics.fmean(turns.waits[False]) < 0.5 * statistics.fmean(first.waits[False])
    assert turns.loads < first.loads
    again = studio.simulate(TIMINGS, asked, 6, True)
    assert (again.waits, again.loads) == (turns.waits, turns.loads)
    assert studio.row("turns", turns, 6, TIMINGS, 2.5).count("|") == studio.HEADER.splitlines()[0].count("|")
