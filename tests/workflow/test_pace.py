"""How long the rest of a study takes, as it is said while it runs, beside simulated studies."""

import heapq
import logging
import random
from collections.abc import Iterator

import pytest

from essential_sparsity.estimate.cost import Place
from essential_sparsity.estimate.watch import Pace, Watch

SMALL: Place = ("small", "task", "quick-1")
LARGE: Place = ("large", "task", "quick-1")


def simulate(
    pace: Pace, runs: dict[int, tuple[Place, float]], at_once: int, submitted: int
) -> Iterator[tuple[int, float, float | None]]:
    """Make runs, `at_once` of those submitted at work together, first come, first served.

    Yields, when a run is done: how many are, the seconds that the rest takes, and what is said.
    """
    waiting, working = list(runs), []
    queue: list[int] = []
    now, end, said = 1000.0, 0.0, []
    while waiting or queue or working:
        while waiting and len(queue) + len(working) < submitted:
            queue.append(job := waiting.pop(0))
            pace.start(job, runs[job][0], now)
        while queue and len(working) < at_once:
            job = queue.pop(0)
            heapq.heappush(working, (now + runs[job][1], job))
        now, job = heapq.heappop(working)
        pace.finish(job, now)
        left = {job: place for job, (place, _) in runs.items()}
        said.append((pace.done, now, pace.seconds_left(left, now) if pace.left(left) else 0.0))
        end = now
    yield from ((done, end - when, seconds) for done, when, seconds in said)


def some(number: int, seconds: float, place: Place = SMALL) -> dict[int, tuple[Place, float]]:
    """Return runs of about so many seconds each."""
    draw = random.Random(0)
    return {job: (place, seconds * draw.uniform(0.8, 1.2)) for job in range(number)}


@pytest.mark.parametrize("at_once", [1, 2, 8])
def test_runs_on_this_machine_tell_how_long_the_rest_takes(at_once: int) -> None:
    told = list(simulate(Pace({}), some(60, 40.0), at_once, at_once))
    for done, truth, said in told[at_once - 1 :]:
        assert said is not None
        # Within a run's length, since nobody knows how the last ones fall.
        assert said == pytest.approx(truth, rel=0.15, abs=40.0), done


def test_an_estimate_that_was_wrong_is_left_after_a_run() -> None:
    pace = Pace({SMALL: 1.0})
    (_, truth, said), *_ = simulate(pace, some(10, 500.0), 1, 1)
    assert said == pytest.approx(truth, rel=0.2)


def test_runs_of_a_kind_not_seen_yet_are_taken_to_be_as_far_off_as_the_others() -> None:
    """Five of 40 s where 10 s were estimated, and five larger ones: 300 s each, not 75 or 40."""
    large = {job + 5: run for job, run in some(5, 300.0, LARGE).items()}
    runs = some(5, 40.0) | large
    told = list(simulate(Pace({SMALL: 10.0, LARGE: 75.0}), runs, 1, 1))
    assert all(said == pytest.approx(truth, rel=0.2, abs=1) for _, truth, said in told)
    (_, truth, said), *_ = simulate(Pace({}), runs, 1, 1)
    assert said is not None and said < truth / 2


def test_a_queue_that_is_longer_than_what_runs_is_no_sign_of_speed() -> None:
    """Of 200 jobs that are submitted, 20 run: the first are done long before the last begin."""
    told = list(simulate(Pace({}, queued=True), some(1000, 600.0), at_once=20, submitted=200))
    assert told[50][2] is None
    for done, truth, said in told[200:]:
        assert said == pytest.approx(truth, rel=0.15, abs=1200.0), done


def test_a_run_that_failed_is_not_waited_for_unless_it_starts_again() -> None:
    pace = Pace({})
    for job in (1, 2):
        pace.start(job, SMALL, 0.0)
    pace.finish(1, 100.0)
    pace.fail(2)
    ahead = dict.fromkeys((2, 3), SMALL)
    assert pace.left(ahead) == {3: SMALL}
    pace.start(2, SMALL, 100.0)
    assert pace.left(ahead) == ahead
    assert not pace.finish(4, 150.0), "a mask, say"


def record(event: str, **said: object) -> logging.LogRecord:
    return logging.makeLogRecord({"event": event, **said})


def test_a_line_a_minute_at_most_and_no_error_reaches_the_study(
    capsys: pytest.CaptureFixture[str],
) -> None:
    now = 0.0
    ahead = dict.fromkeys(range(1, 101), SMALL)
    watch = Watch(Pace({}), lambda: ahead, clock=lambda: now)
    watch.handle(record("job_info", jobid=0, rule_name="mask"))
    watch.handle(record("job_finished", job_id=0))
    for job in range(1, 101):
        watch.handle(record("job_info", jobid=job, rule_name="run"))
        now += 25.0
        watch.handle(record("job_finished", job_id=job))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "3 of 100 runs done, the rest in about 40 min at this pace"
    assert lines[-1] == "99 of 100 runs done, the rest in about 1 min at this pace"
    assert len(lines) == 33
    watch.handle(record("job_info"))
    assert "KeyError" in capsys.readouterr().err
