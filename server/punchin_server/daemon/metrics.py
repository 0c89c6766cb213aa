"""What the daemon counts for those who watch it: Prometheus's text, and a line of the log for each job. No I/O.

Figures of jobs count from the start of the daemon; the rest is as it is now.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from punchin_wire.messages import SEAT_STATES, Done, Event, Failed, Status

from .jobs import FINISHED, Job

Labels = Mapping[str, object]


class JobLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A job that has ended, as the log keeps it. `waited` and `worked` are seconds, `timings` those of its stages."""

    job: str
    state: str
    engine: str
    pack: str
    client: str
    seat: int
    waited: float
    worked: float
    started_again: bool = False
    timings: dict[str, float] = {}
    error: str = ""

    @classmethod
    def of(cls, job: Job, event: Event) -> JobLine:
        """The line of a job that has just ended by this event."""
        started = job.started or job.ended  # one that never ran has waited to its end
        timings, error = {}, ""
        match event.body:
            case Done(timings=measured):
                timings = {stage: round(seconds, 3) for stage, seconds in measured.items()}
            case Failed(error=failed):
                error = f"{failed.code}: {failed.message}"
        return cls(
            job=job.id,
            state=job.state,
            engine=job.engine,
            pack=job.pack,
            client=job.client,
            seat=job.seat,
            waited=round(started - job.submitted, 3),
            worked=round(job.ended - started, 3),
            started_again=job.avoids > 0,
            timings=timings,
            error=error,
        )

    def __str__(self) -> str:
        return msgspec.json.encode(self).decode()


class Metrics:
    """Figures of the jobs that have ended."""

    def __init__(self) -> None:
        self._jobs: dict[str, int] = dict.fromkeys(sorted(FINISHED), 0)
        self._seconds: dict[str, float] = {}

    def count(self, line: JobLine) -> None:
        self._jobs[line.state] += 1
        for stage, seconds in line.timings.items():
            self._seconds[stage] = self._seconds.get(stage, 0.0) + seconds

    def text(self, status: Status, waiting: int, results: int) -> str:
        """In Prometheus's text format. `waiting` are jobs, `results` bytes of takes that are kept."""
        seats = [({"seat": number, "device": seat.device}, seat) for number, seat in enumerate(status.seats, 1)]
        families = [
            _family("queue_jobs", "gauge", "Jobs that wait.", [({}, waiting)]),
            _family("results_bytes", "gauge", "Takes that are kept on disk.", [({}, results)]),
            _family("jobs_total", "counter", "Jobs that ended.", [({"state": s}, n) for s, n in self._jobs.items()]),
            _family(
                "stage_seconds_total",
                "counter",
                "Seconds of jobs that are done, by stage.",
                [({"stage": stage}, round(seconds, 3)) for stage, seconds in self._seconds.items()],
            ),
            _family(
                "seat_state",
                "gauge",
                "1 for the state that a seat is in.",
                [({**at, "state": state}, int(state == seat.state)) for at, seat in seats for state in SEAT_STATES],
            ),
            _family("seat_memory_bytes", "gauge", "What its worker holds.", [(at, s.memory) for at, s in seats]),
            _family("seat_vram_bytes", "gauge", "What it holds of the GPU.", [(at, s.vram) for at, s in seats]),
            _family("seat_deaths_total", "counter", "Workers that died.", [(at, s.restarts) for at, s in seats]),
        ]
        return "".join(families)


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[Labels, float]]) -> str:
    """One metric with all its samples."""
    lines = [f"# HELP punchin_{name} {text}", f"# TYPE punchin_{name} {kind}"]
    for labels, value in samples:
        told = ",".join(f'{key}="{label}"' for key, label in labels.items())
        lines.append(f"punchin_{name}{{{told}}} {value}" if told else f"punchin_{name} {value}")
    return "\n".join(lines) + "\n"
