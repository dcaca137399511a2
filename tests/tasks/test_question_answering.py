"""Questions become windows of tokens that say where the answer is, for tokenizers of any kind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.build import build_task
from essential_sparsity.tasks.manifest import TaskData, load_task
from essential_sparsity.tasks.spec import TaskDataSpec
from miniature_repositories import save_bert_repository, save_opt_repository

CONTEXT = "ba be bi bo bu da de di do du fa fe fi fo fu ga ge gi go gu"
ANSWERS = pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int32()))])


@pytest.fixture(scope="session")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a WordPiece and a byte-pair tokenizer. For reading only."""
    folder = tmp_path_factory.mktemp("tokenizers")
    save_bert_repository(folder / "bert")
    save_opt_repository(folder / "opt")
    return {"bert": folder / "bert", "opt": folder / "opt"}


@pytest.fixture
def make(tokenizers: dict[str, Path], tmp_path: Path) -> Callable[..., TaskData]:
    """Return `make(rows, tokenizer, **changes)`: the task of these rows, in both splits."""

    def build(rows: list[dict[str, Any]], tokenizer: str = "bert", **changes: Any) -> TaskData:
        table = pa.table(
            {
                "question": [row["question"] for row in rows],
                "context": [row["context"] for row in rows],
                "answers": pa.array([row["answers"] for row in rows], ANSWERS),
            }
        )
        for split in ("train", "evaluation"):
            pq.write_table(table, tmp_path / f"{split}.parquet")
        files = {s: str(tmp_path / f"{s}.parquet") for s in ("train", "evaluation")}
        document = {
            "version": 1,
            "data": {"kind": "files", **files},
            "examples": {"kind": "question-answering"},
            "max_length": 13,
            "stride": 3,
            **changes,
        }
        build_task(TaskDataSpec.check(document, "spec"), tokenizers[tokenizer], tmp_path / "task")
        return load_task(tmp_path / "task")

    return build


def ask(answer: str, context: str = CONTEXT, question: str = "ma me", **more: Any) -> Any:
    """Return a question with one answer, where the context has it first."""
    start = more.get("start", context.find(answer))
    return {
        "question": question,
        "context": context,
        "answers": {"text": [answer], "answer_start": [start]},
    }


def words(row: dict[str, Any]) -> list[str]:
    """Return the context's words in a window of the evaluation split, a token a word."""
    places = zip(row["starts"], row["ends"], strict=True)
    return [row["context"][start:end].strip() for start, end in places if start >= 0]


def test_windows_by_hand(make: Callable[..., TaskData]) -> None:
    task = make([ask("do du")])
    # [CLS] ma me [SEP] and [SEP] leave eight words of the context; three are shared.
    rows = task.table("evaluation").to_pylist()
    context = CONTEXT.split()
    assert [words(row) for row in rows] == [
        context[:8],
        context[5:13],
        context[10:18],
        context[15:],
    ]
    assert [row["id"] for row in rows] == [f"evaluation/0#{number}" for number in range(4)]
    assert {row["question_id"] for row in rows} == {"evaluation/0"}
    # Behind the question's four tokens, the answer begins with the fourth word of the second.
    assert [row["label"] for row in rows] == [[0, 0], [7, 8], [0, 0], [0, 0]]
    assert rows[0]["token_type_ids"] == [0] * 4 + [1] * 9
    assert rows[0]["starts"] == [-1] * 4 + [3 * number for number in range(8)] + [-1]
    assert rows[0]["ends"] == [-1] * 4 + [3 * number + 2 for number in range(8)] + [-1]
    assert {(row["question"], row["context"]) for row in rows} == {("ma me", CONTEXT)}
    assert [row["answers"] for row in rows] == [["do du"]] * 4
    assert task.table("train").column_names == [
        "id", "question_id", "input_ids", "token_type_ids", "label"
    ]  # fmt: skip
    assert task.examples == {"train": 4, "evaluation": 4}
    assert task.labels == ()
    document = task.document
    assert document["majority"] is None
    assert document["questions"] == {"train": 1, "evaluation": 1}
    assert document["with_answer"] == {"train": 25.0, "evaluation": 25.0}
    assert document["tokens"]["train"] == {"mean": 12.25, "p95": 13, "max": 13}
    assert document["preprocessing"] == {"max_length": 13, "stride": 3}


@pytest.mark.parametrize("tokenizer", ["bert", "opt"])
def test_labels_lead_back_to_the_answer(make: Callable[..., TaskData], tokenizer: str) -> None:
    """Also behind punctuation, inside of a word, of several bytes a letter, and at both ends."""
    contexts = {
        "ba be": "ba be (bi) bo",
        "bi": "ba be (bi) bo",
        "bo bu": "ba be  bo bu",
        "é ba": "bü é ba be",
        "be.": "ba (be.) bi",
    }
    rows = [ask(answer, context) for answer, context in contexts.items()]
    task = make(rows, tokenizer, max_length=40)
    table = task.table("evaluation")
    assert ("token_type_ids" in table.column_names) == (tokenizer == "bert")
    found = []
    for row in table.to_pylist():
        first, last = row["label"]
        assert 0 < first <= last
        found.append(row["context"][row["starts"][first] : row["ends"][last]].strip())
    assert found == list(contexts)


def test_an_answer_that_is_cut_belongs_to_no_window(make: Callable[..., TaskData]) -> None:
    task = make([ask("de di do"), ask("bu da de di do du")], stride=2)
    rows = task.table("train").to_pylist()
    assert {tuple(row["label"]) for row in rows if row["question_id"] == "train/1"} == {(0, 0)}
    # The words from the seventh to the ninth: the first window ends with the eighth.
    labels = [row["label"] for row in rows if row["question_id"] == "train/0"]
    assert labels[:2] == [[0, 0], [4, 6]]


def test_the_first_answer_is_the_label_and_all_are_kept(make: Callable[..., TaskData]) -> None:
    row = ask("be")
    row["answers"] = {"text": ["be", "ba be"], "answer_start": [3, 0]}
    (first, *_) = make([row]).table("evaluation").to_pylist()
    assert first["label"] == [5, 5]
    assert first["answers"] == ["be", "ba be"]


@pytest.mark.parametrize("tokenizer", ["bert", "opt"])
def test_space_around_a_question_takes_no_tokens(
    make: Callable[..., TaskData], tokenizer: str
) -> None:
    plain = make([ask("be")], tokenizer, max_length=20).table("train")
    spaced = make([ask("be", question=f"{' ' * 500}ma me ")], tokenizer, max_length=20)
    assert spaced.table("train").equals(plain)


def test_many_questions_stay_in_order(make: Callable[..., TaskData]) -> None:
    count = 1003  # more than are tokenised at once
    answers = CONTEXT.split()
    rows = [ask(answers[row % 20]) for row in range(count)]
    table = make(rows).table("evaluation")
    seen = list(dict.fromkeys(table.column("question_id").to_pylist()))
    assert seen == [f"evaluation/{row}" for row in range(count)]
    for row in table.to_pylist():
        first, last = row["label"]
        if first:
            text = row["context"][row["starts"][first] : row["ends"][last]]
            assert [text] == row["answers"]


def test_examples_are_held_out_as_whole_questions(make: Callable[..., TaskData]) -> None:
    task = make([ask("be"), ask("gu"), ask("bo"), ask("da")], hold_out=0.5, score_on="held-out")
    questions = {s: set(task.table(s).column("question_id").to_pylist()) for s in task.examples}
    assert len(questions["train"]) == len(questions["evaluation"]) == 2
    assert not questions["train"] & questions["evaluation"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            ask("be", start=4),
            r"answers: example 'train/1': the answer 'be' is not at answer_start 4 of its context, "
            "where 'e ' is",
        ),
        (ask("be", start=-1), "the answer 'be' is not at answer_start -1"),
        (ask("", start=3), "the answer '' is not at answer_start 3"),
        ({**ask("be"), "answers": None}, "example 'train/1': has no answer"),
        (
            {**ask("be"), "answers": {"text": [], "answer_start": []}},
            "example 'train/1': has no answer",
        ),
        (
            {**ask("be"), "answers": {"text": ["be"], "answer_start": []}},
            "answers: row 1: 1 texts, 0 starts",
        ),
        (
            ask("be", question="ma me mi mo mu na ne"),
            "question: example 'train/1' has 7 tokens, which leaves 3 to its context; neighbouring "
            "windows share 3: raise max_length or lower stride",
        ),
        (ask("be", question=None), "question: column 'question' has no text in row 1"),  # type: ignore[arg-type]
        (ask("be", question="ma " * 30), "has 30 tokens, which leaves 0 to its context"),
    ],
)
def test_a_bad_example_is_named(
    make: Callable[..., TaskData], tmp_path: Path, row: Any, words: str
) -> None:
    with pytest.raises(UserError, match=f"^train split: .*{words}") as error:
        make([ask("ba"), row])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "task").exists()


@pytest.mark.parametrize(
    ("examples", "words"),
    [
        ({"question": "ask"}, "train split: question: unknown column 'ask'"),
        ({"answers": "found"}, "train split: answers: unknown column 'found'"),
        (
            {"answers": "context"},
            "answers: column 'context' holds string, not a list 'text' of texts and a list "
            "'answer_start' of whole numbers",
        ),
    ],
)
def test_bad_columns(make: Callable[..., TaskData], examples: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make([ask("ba")], examples={"kind": "question-answering", **examples})
