"""A question, and a context that holds its answer as a span."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from essential_sparsity.tasks.kinds import Built
from essential_sparsity.tasks.source import SPLITS, Source
from essential_sparsity.tasks.spec import QuestionAnswering, TaskDataSpec
from essential_sparsity.tasks.texts import length_summary
from essential_sparsity.tasks.tokens import Tokenizer
from essential_sparsity.tasks.windows import NO_ANSWER, Questions, window_table


def build(source: Source, spec: TaskDataSpec, checkpoint: Path, folder: Path) -> Built:
    """Cut questions with their contexts into windows, and find the answers in them.

    Raises:
        UserError: see `Tokenizer`, `Questions` and `window_table`.
    """
    examples = spec.examples
    assert isinstance(examples, QuestionAnswering)
    tokenizer = Tokenizer(checkpoint, int(spec.max_length or 0))
    read = {split: Questions.read(source, split, examples) for split in SPLITS}
    tables = {
        split: window_table(
            questions, tokenizer, int(spec.stride or 0), decoded=split == "evaluation"
        )
        for split, questions in read.items()
    }
    facts = {
        "pad_token_id": tokenizer.pad_token_id,
        "questions": {split: len(questions.ids) for split, questions in read.items()},
        "tokens": {split: length_summary(table) for split, table in tables.items()},
        "with_answer": {split: _share_with_answer(table) for split, table in tables.items()},
    }
    return Built(tables, tokenizer.sha256, facts=facts)


def _share_with_answer(table: pa.Table) -> float:
    """Return the share of windows, in %, that have the answer."""
    ends = np.array(table.column("label").to_pylist())[:, 1]
    return round(100 * float((ends != NO_ANSWER).mean()), 2)
