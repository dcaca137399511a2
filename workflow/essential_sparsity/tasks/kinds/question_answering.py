"""A question, and a context that holds its answer as a span: windows of tokens."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.types as pat
from numpy.typing import NDArray
from pydantic import Field

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.columns import column_of, texts_of
from essential_sparsity.tasks.examples import Built, Examples
from essential_sparsity.tasks.source import SPLITS, Source

if TYPE_CHECKING:
    from essential_sparsity.tasks.tokens import Tokenizer

# Questions that are tokenised at once: offsets take much memory while they are Python's.
_AT_ONCE = 1000

# The label of a window without the answer: its first token, which no context has.
NO_ANSWER = 0


class QuestionAnswering(Examples):
    """A question, and a context that holds its answer as a span."""

    preprocessing: ClassVar[tuple[str, ...]] = ("max_length", "stride")
    reads: ClassVar[str] = "spans"

    kind: Literal["question-answering"]
    question: str = Field(default="question", description="the column of questions")
    context: str = Field(default="context", description="the column of contexts")
    answers: str = Field(
        default="answers", description="the column of answers: lists of text and answer_start"
    )

    def build(
        self, source: Source, sizes: Mapping[str, Any], checkpoint: Path, folder: Path
    ) -> Built:
        """Cut questions with their contexts into windows, and find the answers in them."""
        from essential_sparsity.tasks.tokens import Tokenizer, length_summary

        tokenizer = Tokenizer(checkpoint, sizes["max_length"])
        read = {split: _Questions.read(source, split, self) for split in SPLITS}
        tables = {
            split: _window_table(questions, tokenizer, sizes["stride"], split == "evaluation")
            for split, questions in read.items()
        }
        facts = {
            "pad_token_id": tokenizer.pad_token_id,
            "questions": {split: len(questions.ids) for split, questions in read.items()},
            "tokens": length_summary(tables),
            "with_answer": {split: _share_with_answer(table) for split, table in tables.items()},
        }
        return Built(tables, tokenizer.sha256, facts=facts)


EXAMPLES = QuestionAnswering


def _share_with_answer(table: pa.Table) -> float:
    """Return the share of windows, in %, that have the answer."""
    ends = np.array(table.column("label").to_pylist())[:, 1]
    return round(100 * float((ends != NO_ANSWER).mean()), 2)


@dataclass(frozen=True)
class _Questions:
    """The questions of one split: names, texts, and what may be said to each.

    Attributes:
        questions: their texts, without the space around them.
        answers: the texts of each question's correct answers.
        starts: where in its context a question's first answer begins, in characters.
    """

    split: str
    ids: list[str]
    questions: list[str]
    contexts: list[str]
    answers: list[list[str]]
    starts: list[int]

    @classmethod
    def read(cls, source: Source, split: str, examples: QuestionAnswering) -> "_Questions":
        """Read a split's columns, and check that each answer is where it is said to be."""
        contexts = texts_of(source, split, "context", examples.context)
        ids: list[str] = source.splits[split].column("id").cast(pa.string()).to_pylist()
        answers, starts = [], []
        for name, context, found in zip(
            ids, contexts, _answers(source, split, examples.answers), strict=True
        ):
            where = f"{split} split: answers: example '{name}'"
            if not found:
                raise UserError(f"{where}: has no answer; a question needs one or more")
            for text, start in found:
                if not text or start < 0 or not context.startswith(text, start):
                    there = context[max(start, 0) :][: max(len(text), 1)]
                    raise UserError(
                        f"{where}: the answer {text!r} is not at answer_start {start} of its "
                        f"context, where {there!r} is"
                    )
            answers.append([text for text, _ in found])
            starts.append(found[0][1])
        # Some of SQuAD's begin with thousands of spaces, each of them a token to some tokenizers.
        asked = texts_of(source, split, "question", examples.question)
        questions = [question.strip() for question in asked]
        return cls(split, ids, questions, contexts, answers, starts)


def _answers(source: Source, split: str, name: str) -> list[list[tuple[str, int]]]:
    """Return each example's answers: text and start."""
    column = column_of(source, split, "answers", name)
    kind = column.type
    fields = {part.name: part.type for part in kind} if pat.is_struct(kind) else {}
    text, start = (fields.get(key) for key in ("text", "answer_start"))
    if not (_lists(text, pat.is_string, pat.is_large_string) and _lists(start, pat.is_integer)):
        raise UserError(
            f"{split} split: answers: column '{name}' holds {kind}, not a list 'text' of texts and "
            "a list 'answer_start' of whole numbers"
        )
    rows = []
    for row, value in enumerate(column.to_pylist()):
        value = value or {"text": [], "answer_start": []}
        texts, starts = value["text"] or [], value["answer_start"] or []
        if len(texts) != len(starts) or None in texts or None in starts:
            raise UserError(
                f"{split} split: answers: row {row}: {len(texts)} texts, {len(starts)} starts, or "
                "an empty one among them"
            )
        rows.append(list(zip(texts, starts, strict=True)))
    return rows


def _lists(kind: pa.DataType | None, *holds: Any) -> bool:
    if kind is None or not (pat.is_list(kind) or pat.is_large_list(kind)):
        return False
    return any(check(kind.value_type) for check in holds)


def _window_table(
    questions: _Questions, tokenizer: "Tokenizer", stride: int, decoded: bool
) -> pa.Table:
    """Return a row a window, those of a question one after another.

    Columns: `id` (of the window), `question_id`, `input_ids`, `token_type_ids` if the tokenizer has
    them, and `label`: the first and the last token of the question's first answer, or twice
    `NO_ANSWER` where the window does not have all of it. If windows are to be `decoded` into texts,
    also `starts` and `ends` (each token's place in the context in characters, -1 where it is none
    of the context's), `question`, `context` and `answers`.
    """
    parts = [
        _windows(questions, slice(first, first + _AT_ONCE), tokenizer, stride, decoded)
        for first in range(0, len(questions.ids), _AT_ONCE)
    ]
    return pa.concat_tables(parts).combine_chunks()


def _windows(
    questions: _Questions, batch: slice, tokenizer: "Tokenizer", stride: int, decoded: bool
) -> pa.Table:
    """Return the windows of a batch of questions; each must leave more room than `stride`."""
    from essential_sparsity.tasks.tokens import token_columns

    lengths = tokenizer.lengths(questions.questions[batch])
    for name, length in zip(questions.ids[batch], lengths, strict=True):
        room = tokenizer.room(length)
        if room <= stride:
            raise UserError(
                f"{questions.split} split: question: example '{name}' has {length} tokens, which "
                f"leaves {max(room, 0)} to its context; neighbouring windows share {stride}: raise "
                "max_length or lower stride"
            )
    encoded = tokenizer.windows(questions.questions[batch], questions.contexts[batch], stride)
    owners = [batch.start + pair for pair in encoded["overflow_to_sample_mapping"]]
    places = [
        _places(encoded.sequence_ids(window), encoded["offset_mapping"][window])
        for window in range(len(owners))
    ]
    labels = [
        _label(place, questions.starts[owner], questions.answers[owner][0])
        for place, owner in zip(places, owners, strict=True)
    ]
    ids = [questions.ids[owner] for owner in owners]
    columns = {
        "id": pa.array(_names(ids, owners), pa.string()),
        "question_id": pa.array(ids, pa.string()),
        **token_columns(encoded),
        "label": pa.array(labels, pa.list_(pa.int32())),
    }
    if decoded:
        texts = {"question": questions.questions, "context": questions.contexts}
        answers = [questions.answers[owner] for owner in owners]
        columns |= {
            "starts": pa.array([place[:, 0] for place in places], pa.list_(pa.int32())),
            "ends": pa.array([place[:, 1] for place in places], pa.list_(pa.int32())),
            **{name: pa.array([of[o] for o in owners], pa.string()) for name, of in texts.items()},
            "answers": pa.array(answers, pa.list_(pa.string())),
        }
    return pa.table(columns)


def _names(ids: list[str], owners: list[int]) -> list[str]:
    """Return the windows' names: that of the question, and a number from 0."""
    names, seen = [], Counter[int]()
    for name, owner in zip(ids, owners, strict=True):
        names.append(f"{name}#{seen[owner]}")
        seen[owner] += 1
    return names


def _places(texts: list[int | None], offsets: list[tuple[int, int]]) -> NDArray[np.int32]:
    """Return (tokens, 2): where a token begins and ends in the context, -1 if it is not there."""
    places = np.array(offsets, dtype=np.int32)
    places[[text != 1 for text in texts]] = -1
    return places


def _label(places: NDArray[np.int32], start: int, answer: str) -> list[int]:
    """Return the first and the last token that has a character of the answer."""
    end = start + len(answer)
    tokens = np.flatnonzero(places[:, 0] >= 0)
    # Sub-words may take the space before them along.
    begins, ends = places[tokens].T
    if not len(tokens) or start < begins[0] or end > ends[-1]:
        return [NO_ANSWER, NO_ANSWER]
    first, last = np.searchsorted(ends, start, "right"), np.searchsorted(begins, end, "left") - 1
    # A tokenizer may leave characters out.
    return [int(tokens[first]), int(tokens[last])] if first <= last else [NO_ANSWER, NO_ANSWER]
