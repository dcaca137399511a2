"""Questions, and contexts that hold their answers as spans."""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from essential_sparsity.runs.kind import take_sample
from essential_sparsity.runs.spans import answers
from essential_sparsity.runs.texts import Texts
from essential_sparsity.runs.tokens import sort_by_length

# What Trainer pads logits of unlike lengths with: a token with this logit is none.
_NO_TOKEN = -100.0


class QuestionAnswering(Texts):
    """A linear head with two outputs a token: does the answer start, does it end here?

    Rows are windows of a context; examples, as a recipe counts them, are questions.
    """

    auto_class: ClassVar[Any] = AutoModelForQuestionAnswering

    def train(self) -> pa.Table:
        """Return the windows of as many questions as the recipe takes."""
        return take_sample(self.task.table("train"), self.recipe.train_examples, "question_id")

    def evaluation(self) -> pa.Table:
        """Return the windows of as many questions as the recipe takes, the shortest first."""
        table = self.task.table("evaluation")
        return sort_by_length(take_sample(table, self.recipe.evaluation_examples, "question_id"))

    def head(self) -> dict[str, Any]:
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
        """Return a row a question: `id`, `label`, `prediction`, `f1` and `exact`, see `answers`."""
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
