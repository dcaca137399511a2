"""Tables as experiments leave them, from what matters of them, and specs to test claims by."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from essential_sparsity.claims.claim import ClaimEntry, ClaimsSpec
from essential_sparsity.claims.evaluation import evaluate_claims
from essential_sparsity.figures.kinds import EXPERIMENT_KINDS

Row = dict[str, Any]
PAPER, QUICK = "paper-11111111", "quick-22222222"
# All that tests have, by what they are called in the catalog.
RECIPES = (PAPER, QUICK, *(f"quick-{i}" for i in ("11111111", "33333333")), "long-22222222")
TRAITS = {
    "bert-base": ["language", "encoder"],
    "opt-125m": ["language", "decoder"],
    "vit-base": ["vision", "encoder", "supervised"],
    "dino-base": ["vision", "encoder", "self-supervised"],
    "small-bert": ["language", "encoder"],
    "small-vit": ["vision", "encoder", "supervised"],
}


class Tables:
    """A study's folder, experiment by experiment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.experiments: dict[str, list[str]] = {}

    def write(self, table: str, rows: list[Row], experiment: str = "one") -> None:
        (self.folder / experiment).mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), self.folder / experiment / f"{table}.parquet")
        self.experiments.setdefault(experiment, []).append(table)

    def spec(self, claim: dict[str, Any], **more: Any) -> ClaimsSpec:
        return ClaimsSpec.check(
            {
                "claims": {"c": claim},
                "experiments": self.experiments,
                "figures": {name: kind.tables for name, kind in EXPERIMENT_KINDS.items()},
                "models": {
                    name: {"label": name.title(), "traits": traits}
                    for name, traits in TRAITS.items()
                },
                "tasks": {"rte": "RTE", "sst2": "SST-2", "topic": "Topic"},
                "recipes": {"rte": PAPER, "sst2": PAPER},
                "named": {recipe: recipe.partition("-")[0] for recipe in RECIPES},
                **more,
            },
            "test",
        )

    def judge(self, claim: dict[str, Any], **more: Any) -> list[Row]:
        """Return the rows of a claim's verdicts."""
        rows: list[Row] = evaluate_claims(self.folder, self.spec(claim, **more)).to_pylist()
        return rows


def claim(test: dict[str, Any], **roles: dict[str, Any]) -> dict[str, Any]:
    """Return a claim's entry; own models may be any, or what a role says of `like`."""
    entry = {
        "statement": "The paper's models do.",
        "own": "Models do.",
        "paper": {"place": "Figure 0", "value": "yes"},
        "roles": {name: {"like": [], **role} for name, role in roles.items()},
        "test": test,
    }
    return ClaimEntry.check(entry, "claim").document()


def curve(model: str, task: str, estimate: str, low: str, high: str, **more: Any) -> Row:
    """A row of `essential`; sparsities in percent, `> 90` and `< 10` off the grid."""
    row: Row = {
        "model": model, "task": task, "recipe": PAPER, "family": "magnitude-global",
        "criterion": "magnitude", "scope": "global", "seeds": 3,
        "epsilon": 1.0, "relative": False, "main": True,
        "certified": 0.0, "uncertified_because": None, "dense_low": 80.0, "constant": 50.0,
    }  # fmt: skip
    for name, text in (("estimate", estimate), ("low", low), ("high", high)):
        row[name] = float(text.strip("<> ")) / 100
        row[f"{name}_censored"] = {"<": "below", ">": "above"}.get(text[0], "")
    return {**row, **more}
