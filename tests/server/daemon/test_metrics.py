"""What watchers are told: Prometheus's text, line by line, and a log line that says all about a job."""

import re

import msgspec
from punchin_server.daemon.jobs import Job, Jobs
from punchin_server.daemon.metrics import JobLine, Metrics
from punchin_wire.errors import ErrorInfo
from punchin_wire.messages import Done, Failed, SeatStatus, Status


def line(number: int, body: Done | Failed) -> JobLine:
    jobs = Jobs(4)
    job = Job(f"job{number}", "inpaint", "tiny", False, 1.0, "room")
    jobs.submit(job)
    jobs.start({1: ()}, 3.0)
    return JobLine.of(job, jobs.report(1, job.id, body, 7.5)[0])


def test_a_line_says_all_about_a_job_and_leaves_out_what_is_not() -> None:
    done = msgspec.json.decode(str(line(1, Done({"decode": 4.0004}, {}))))
    assert done == {
        "job": "job1",
        "state": "done",
        "engine": "inpaint",
        "pack": "tiny",
        "client": "room",
        "seat": 1,
        "waited": 2.0,
        "worked": 4.5,
        "timings": {"queue": 2.0, "decode": 4.0},
    }
    failed = msgspec.json.decode(str(line(2, Failed(ErrorInfo("out_of_memory", "Too much.", "Less.")))))
    assert failed["error"] == "out_of_memory: Too much."
    assert "timings" not in failed


def test_a_job_that_never_ran_has_waited_to_its_end() -> None:
    jobs = Jobs(4)
    job = Job("job1", "inpaint", "tiny", False, 1.0)
    jobs.submit(job)
    [event] = jobs.cancel(job, 5.0)
    found = JobLine.of(job, event)
    assert (found.state, found.waited, found.worked) == ("cancelled", 4.0, 0.0)


def test_the_text_is_prometheus_s() -> None:
    metrics = Metrics()
    for number in range(2):
        metrics.count(line(number, Done({"decode": 1.5}, {})))
    seats = (SeatStatus("busy", 7, 1, "cuda:0", (), 100, 50), SeatStatus("off", 0, 0, "cuda:1", (), 0))
    text = metrics.text(Status("1", 1, 0.0, 32, seats, ()), 3, 1000)
    assert text.endswith("\n")
    lines = text.splitlines()
    for wanted in (
        "# TYPE punchin_jobs_total counter",
        'punchin_jobs_total{state="done"} 2',
        'punchin_jobs_total{state="failed"} 0',
        'punchin_stage_seconds_total{stage="decode"} 3.0',
        "punchin_queue_jobs 3",
        "punchin_results_bytes 1000",
        'punchin_seat_state{seat="1",device="cuda:0",state="busy"} 1',
        'punchin_seat_state{seat="2",device="cuda:1",state="busy"} 0',
        'punchin_seat_vram_bytes{seat="1",device="cuda:0"} 50',
        'punchin_seat_deaths_total{seat="1",device="cuda:0"} 1',
    ):
        assert wanted in lines
    told = {line.split()[2] for line in lines if line.startswith("# HELP")}
    assert told == {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}
