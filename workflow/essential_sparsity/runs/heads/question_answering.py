"""Questions, and contexts that hold their answers as spans."""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from torchmetrics.functional.text import squad
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from essential_sparsity.runs.heads.head import Texts, sort_by_length, take_sample

# Devlin et al. 2019, released code: starts and ends that are tried, tokens of the longest answer.
_BEST = 20
_LONGEST = 30

Floats = NDArray[np.floating]

# What Trainer pads logits of unlike lengths with: a token with this logit is none.
_NO_TOKEN = -100.0


class QuestionAnswering(Texts):
    """A linear head with two outputs a token: does the answer start, does it end here?

    Rows are windows of a context; examples, as a recipe counts them, are questions.
    """

    auto_class = AutoModelForQuestionAnswering

    def train(self) -> pa.Table:
        """Return the windows of as many questions as the recipe takes."""
        return take_sample(self.task.table("train"), self.recipe.train_examples, "question_id")

    def evaluation(self) -> pa.Table:
        """Return the windows of as many questions as the recipe takes, the shortest first."""
        table = self.task.table("evaluation")
        return sort_by_length(take_sample(table, self.recipe.evaluation_examples, "question_id"))

    def options(self) -> dict[str, Any]:
        """Return two outputs."""
        return {"num_labels": 2}

    def configure(self, model: PreTrainedModel) -> None:
        """See `Texts`; and take padding out of the choice.

        How far a window is padded depends on those beside it: with this, its loss does not.
        """
        super().configure(model)
        model.register_forward_hook(_without_padding, with_kwargs=True)

    def loss(self, outputs: Any, labels: torch.Tensor) -> torch.Tensor:
        """Return the sum of the cross-entropies of starts and ends, in fp32.

        Divided by the number of labels, two a window, it is the mean over windows of the mean of
        both.
        """
        both = zip((outputs.start_logits, outputs.end_logits), labels.unbind(1), strict=True)
        losses = [
            torch.nn.functional.cross_entropy(_only_tokens(logits), places.long(), reduction="sum")
            for logits, places in both
        ]
        return losses[0] + losses[1]

    def predictions(self, logits: Any, table: pa.Table) -> pa.Table:
        """Return a row a question, see `answers`."""
        start, end = logits
        return answers(start, end, table)

    def constants(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield an empty answer to all: no text answers every question."""
        longest = pc.max(pc.list_value_length(table.column("starts"))).as_py()
        nothing = np.full((table.num_rows, longest), -np.inf)
        yield answers(nothing, nothing, table)


def _only_tokens(logits: torch.Tensor) -> torch.Tensor:
    logits = logits.float()
    return logits.masked_fill(logits == _NO_TOKEN, -torch.inf)


def _without_padding(
    _: torch.nn.Module, arguments: tuple[Any, ...], named: dict[str, Any], outputs: Any
) -> Any:
    padding = named["attention_mask"] == 0
    for name in ("start_logits", "end_logits"):
        outputs[name] = outputs[name].masked_fill(padding, _NO_TOKEN)
    return outputs


HEAD = QuestionAnswering


def answers(start_logits: Floats, end_logits: Floats, table: pa.Table) -> pa.Table:
    """Return one row a question: `id`, `label` (the correct texts), `prediction`, `f1`, `exact`.

    Of all windows of a question, the text of the span with the largest sum of logits; an empty text
    if no span is possible. `f1` and `exact` are shares from 0 to 1, those of SQuAD v1.1. `cluster`
    names the passage: questions on one passage are no independent evidence. Logits are (windows,
    length), at least as long as the longest window, for the windows' rows in `table`.
    """
    length = start_logits.shape[1]
    starts, ends = _padded(table.column("starts"), length), _padded(table.column("ends"), length)
    first, last, score = best_spans(start_logits, end_logits, starts >= 0)
    rows = np.arange(len(score))
    begins, finishes = starts[rows, first], ends[rows, last]
    names = table.column("question_id").to_pylist()
    contexts, golds = table.column("context").to_pylist(), table.column("answers").to_pylist()
    best: dict[str, int] = {}
    for row, name in enumerate(names):
        if name not in best or score[row] > score[best[name]]:
            best[name] = row
    # Sub-words may take the space before them along.
    texts = [
        contexts[row][begins[row] : finishes[row]].strip() if score[row] > -np.inf else ""
        for row in best.values()
    ]
    labels = [golds[row] for row in best.values()]
    passages = [sha256(contexts[row].encode()).hexdigest()[:16] for row in best.values()]
    shares = [shares_of(text, correct) for text, correct in zip(texts, labels, strict=True)]
    table = pa.table(
        {
            "id": pa.array(list(best), pa.string()),
            "label": pa.array(labels, pa.list_(pa.string())),
            "prediction": pa.array(texts, pa.string()),
            "f1": pa.array([f1 for f1, _ in shares], pa.float64()),
            "exact": pa.array([exact for _, exact in shares], pa.float64()),
        }
    )
    field = pa.field("cluster", pa.string(), metadata={"unit": "passages"})
    return table.append_column(field, [passages])


def best_spans(
    start_logits: Floats, end_logits: Floats, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Return each window's best span: first token, last token, sum of their logits.

    Only the 20 largest starts and ends are tried, of `allowed` tokens, for spans of at most 30
    tokens. Without any, the sum is -inf. All arrays are (windows, length).
    """
    starts, start_scores = _largest(start_logits, allowed)
    ends, end_scores = _largest(end_logits, allowed)
    tokens = ends[:, None, :] - starts[:, :, None] + 1
    sums = start_scores[:, :, None] + end_scores[:, None, :]
    sums = np.where((tokens >= 1) & (tokens <= _LONGEST), sums, -np.inf).reshape(len(starts), -1)
    pair = sums.argmax(axis=1)
    rows = np.arange(len(starts))
    count = ends.shape[1]
    return starts[rows, pair // count], ends[rows, pair % count], sums[rows, pair]


def _largest(logits: Floats, allowed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], Floats]:
    masked = np.where(allowed, logits, -np.inf)
    # Stable, so that ties are the same on every machine.
    order = np.argsort(-masked, axis=1, kind="stable")[:, :_BEST]
    return order, np.take_along_axis(masked, order, axis=1)


def _padded(lists: pa.ChunkedArray, length: int) -> NDArray[np.int32]:
    """Return lists of numbers as (lists, length), -1 behind the end of each."""
    sizes = pc.list_value_length(lists).to_numpy()
    padded = np.full((len(sizes), length), -1, dtype=np.int32)
    padded[np.arange(length) < sizes[:, None]] = pc.list_flatten(lists).to_numpy()
    return padded


def shares_of(text: str, correct: list[str]) -> tuple[float, float]:
    """Return F1 over words, and exact match: the largest over the `correct` texts.

    By SQuAD's rules (Rajpurkar et al. 2016, §6.1): lower case, without punctuation and articles.
    If nothing else is left of both texts, such as of "A" and "a", both measures are 1; the released
    script of version 1.1 then has an F1 of 0.
    """
    target: Any = {"id": "", "answers": {"text": correct, "answer_start": [0] * len(correct)}}
    found = squad({"id": "", "prediction_text": text}, target)
    return float(found["f1"]) / 100, float(found["exact_match"]) / 100
