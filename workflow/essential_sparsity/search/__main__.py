"""Decide which runs a search makes next: from the runs so far to a round, a small JSON file."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from essential_sparsity.estimators.crossing import Crossing
from essential_sparsity.estimators.curve import Curve, Scores
from essential_sparsity.estimators.search import decide, locate
from essential_sparsity.outcomes.groups import Group, load_groups
from essential_sparsity.search.rounds import Located, Round, RoundSpec, Wanted
from essential_sparsity.support.errors import run_stage
from essential_sparsity.support.files import write_json
from essential_sparsity.support.tables import provenance

STAGE = "essential_sparsity.search"


def decide_round(
    root: Path, files: Sequence[str], spec: RoundSpec, previous: Round | None
) -> Round:
    """Return the round that follows `previous`, or the first one.

    Settled curves stay as they are; all others are decided, each for itself.

    Args:
        root: of all artifacts.
        files: the metrics of the runs that `previous` wants, below it.
        spec: what is searched.
        previous: the round before, None for the runs that the search begins with.
    """
    before = previous or spec.first()
    curves = {(curve.model, curve.task, curve.family): curve for curve in before.curves}
    for group in load_groups(root, files, spec.runs):
        of_group = [c for c in before.curves if (c.model, c.task) == (group.model, group.task)]
        if unsettled := [curve for curve in of_group if not curve.settled]:
            scores = group.scores(spec.statistics.settings())
            for curve in unsettled:
                place = curve.model, curve.task, curve.family
                curves[place] = _next(curve, group, scores, spec)
    return Round(number=before.number + 1, curves=tuple(curves.values()))


def _next(wanted: Wanted, group: Group, scores: Scores, spec: RoundSpec) -> Wanted:
    """Return the runs that a curve needs next, which is not settled."""
    lattice = spec.lattices[wanted.family]
    seeds = spec.seeds_on(wanted.task)
    curve = _curve(group, scores, wanted, lattice)
    crossing = locate(
        curve.sparsities,
        curve.drops,
        curve.samples,
        curve.weights,
        epsilon=spec.statistics.epsilon,
        confidence=spec.statistics.confidence,
    )
    decision = decide(
        {int(place): int(n) for place, n in zip(curve.sparsities, curve.replicates, strict=True)},
        crossing,
        spec.settings.lattice(),
        budget=spec.settings.budget,
        certify=spec.settings.certify,
        seeds=len(seeds),
    )
    fresh = spec.settings.certification_seeds(seeds)
    return Wanted(
        model=wanted.model,
        task=wanted.task,
        family=wanted.family,
        points={lattice[p - 1]: seeds[:n] for p, n in sorted(decision.seeds.items())},
        certification={lattice[p - 1]: fresh for p in decision.certification},
        settled=decision.settled,
        reason=decision.reason,
        located=_located(decision.crossing, spec),
    )


def _curve(group: Group, scores: Scores, wanted: Wanted, lattice: Sequence[str]) -> Curve:
    """Return the known points of a curve, with places on the lattice in place of sparsities."""
    names = [mask.name if model == group.model else "" for model, mask in group.entries]
    places = [place for place, name in enumerate(lattice, start=1) if name in wanted.points]
    return scores.curve(places, [names.index(lattice[p - 1]) for p in places])


def _located(crossing: Crossing, spec: RoundSpec) -> Located:
    """Return a crossing in sparsities; one off an end of the lattice is that end and a word."""
    lattice = spec.settings.lattice()
    found: dict[str, Any] = {}
    for name, steps in asdict(crossing).items():
        if steps < 1:
            found |= {name: lattice[0], f"{name}_censored": "below"}
        elif steps > len(lattice):
            found |= {name: lattice[-1], f"{name}_censored": "above"}
        else:
            found[name] = round(steps * lattice[0], 6)
    return Located(**found)


def main() -> None:
    """Run the stage from the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {STAGE}", description=__doc__)
    parser.add_argument("--spec", required=True, help="a RoundSpec: JSON, or a file that holds it")
    parser.add_argument(
        "--inputs", required=True, type=Path, help="a file that lists the runs' tables, a line each"
    )
    parser.add_argument("--previous", type=Path, metavar="FILE", help="the round before, if any")
    parser.add_argument("--output", required=True, type=Path, help="the round's file")
    arguments = parser.parse_args()
    spec = RoundSpec.read(arguments.spec)
    previous = Round.load(arguments.previous) if arguments.previous else None
    files = arguments.inputs.read_text(encoding="utf-8").splitlines()
    found = decide_round(Path(), files, spec, previous)
    origin = provenance(STAGE, spec.document())
    write_json(arguments.output, {**found.model_dump(mode="json"), "origin": origin})
    for curve in found.curves:
        print(f"{curve.model}, {curve.task}, {curve.family}: {curve.reason}")


if __name__ == "__main__":
    run_stage(main)
