"""Which files a bundle of a study holds."""

import os
from dataclasses import dataclass
from pathlib import Path

from essential_sparsity.bundle.places import PROJECT, RESULTS, is_project_data
from essential_sparsity.stages import paths
from essential_sparsity.study.plan import Plan
from essential_sparsity.support.errors import UserError


@dataclass(frozen=True)
class Contents:
    """Name in the bundle → file on this machine; names use `/`."""

    files: dict[str, Path]

    @classmethod
    def of(cls, plan: Plan, study: Path, root: Path, results: Path, masks: bool) -> "Contents":
        """Return what redrawing a study's figures and its report takes, and these themselves.

        Args:
            plan: the study's plan.
            study: its file.
            root: the project's folder: the study's file and its catalogs lie there.
            results: the folder of the results.
            masks: its masks as well, with the manifests of their checkpoints.

        Raises:
            UserError: something is missing, or lies outside the project.
        """
        names = {"study": plan.study.study}
        needed = [*plan.all_tables, paths.CLAIMS.format(**names)]
        wanted = [
            paths.PROVENANCE.format(**names),
            paths.SUMMARY.format(**names),
            paths.REPORT.format(**names),
            *plan.tidy_tables(),
            *plan.all_figures,
            *_rounds(plan, results),
        ]
        if masks:
            # A search may have tried a part of its masks only.
            (needed if not plan.searches() else wanted).extend(_mask_files(plan))
        for file in needed:
            if not (results / file).is_file():
                raise UserError(f"{results / file}: no such file; `make study` computes it")
        found = [*needed, *(file for file in wanted if (results / file).is_file())]
        files = {f"{RESULTS}/{file}": results / file for file in dict.fromkeys(found)}
        return cls(files | {f"{PROJECT}/{n}": root / n for n in _project_files(plan, study, root)})


def _rounds(plan: Plan, results: Path) -> list[str]:
    """Return the rounds of the study's searches, of which its report tells."""
    folders = [
        results / paths.SEARCH.format(study=plan.study.study, experiment=experiment.name)
        for experiment in plan.searches()
    ]
    rounds = [file for folder in folders for file in sorted(folder.glob("round*.json"))]
    return [file.relative_to(results).as_posix() for file in rounds]


def _mask_files(plan: Plan) -> list[str]:
    return [
        path.format(model=model, mask=mask.name)
        for model, mask in plan.all_masks
        for path in (paths.MASK, paths.MASK_MANIFEST, paths.CHECKPOINT_MANIFEST)
    ]


def _project_files(plan: Plan, study: Path, root: Path) -> list[str]:
    """Return the study's file and the entries of its own catalogs, relative to the project.

    Raises:
        UserError: one lies outside the project, be it by a link, or among its code.
    """
    base = root.resolve()
    study_file = _relative(study.resolve(), base)
    names = [study_file]
    for catalog in plan.study.catalogs:
        for file in sorted((root / catalog).resolve().rglob("*.yaml")):
            name = _relative(file, base)
            if is_project_data(name, study_file):
                _relative(file.resolve(), base)
                names.append(name)
    if not is_project_data(study_file, study_file):
        raise UserError(f"{study}: among the project's code; a bundle takes studies from elsewhere")
    return names


def _relative(file: Path, base: Path) -> str:
    name = Path(os.path.relpath(file, base)).as_posix()
    if name.startswith(".."):
        raise UserError(
            f"{file}: outside {base}: a bundle takes a study and catalogs of the project alone"
        )
    return name
