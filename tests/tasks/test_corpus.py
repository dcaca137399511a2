"""The documentation corpus: complete, reproducible, without duplicates, read but never run."""

import shutil
from pathlib import Path

import pytest

from essential_sparsity.support.errors import UserError
from essential_sparsity.tasks.corpus import (
    AREAS,
    HELD_OUT,
    REFERENCE,
    TOPICS_FILE,
    Corpus,
    normalised,
    read_corpus,
)
from tasks.tiny_tasks import module, sentence


@pytest.fixture
def copied(library: Path, tmp_path: Path) -> Path:
    """A copy of the library, to be changed at will."""
    return Path(shutil.copytree(library, tmp_path / "copy"))


@pytest.fixture(scope="session")
def real() -> Corpus:
    """The corpus of the Python that runs the tests."""
    return read_corpus()


def test_names_are_documents_sections_and_numbers(library: Path) -> None:
    texts = {passage.id: passage.text for passage in read_corpus(library).passages}
    assert texts["queue/0"] == sentence("queue", 0)
    assert texts["queue/7"] == sentence("queue", 7)
    assert texts["queue/call/2"] == sentence("queue function", 2)
    assert texts["queue/Thing.method/0"] == sentence("queue method", 0)
    assert texts["asyncio.locks/1"] == sentence("asynciolocks", 1)
    assert texts["reference.with/3"] == sentence("with statement", 3)


def test_pages_about_the_library_are_no_reference(library: Path) -> None:
    documents = {passage.document for passage in read_corpus(library).passages}
    assert "reference.with" in documents and "reference.debugger" not in documents


def test_submodules_count_and_tests_do_not(copied: Path) -> None:
    for name in ("email/parser", "email/test/parsing", "email/__main__"):
        (copied / name).parent.mkdir(exist_ok=True)
        (copied / f"{name}.py").write_text(module(name))
    documents = {passage.document for passage in read_corpus(copied).passages}
    assert "email.parser" in documents
    assert not documents & {"email.test.parsing", "email.__main__"}


def test_equal_passages_are_kept_once(copied: Path) -> None:
    original = (copied / "queue.py").read_text()
    shouted = original.replace("returns its value", "returns its VALUE,")
    assert shouted != original
    (copied / "threading.py").write_text(shouted)
    assert not [p for p in read_corpus(copied).passages if p.document == "threading"]


def test_the_first_of_two_definitions_counts(copied: Path) -> None:
    twice = f'def f():\n    """{sentence("a", 1)}"""\n\ndef f():\n    """{sentence("b", 1)}"""\n'
    (copied / "sched.py").write_text(f"if True:\n    pass\n{twice}")
    texts = [p.text for p in read_corpus(copied).passages if p.document == "sched"]
    assert texts == [sentence("a", 1)]


def test_the_hash_follows_the_text(library: Path, copied: Path) -> None:
    before, again = read_corpus(library).origin(), read_corpus(copied).origin()
    assert before == again
    source = copied / "queue.py"
    source.write_text(source.read_text() + "# a comment\n")
    assert read_corpus(copied).origin() == before
    source.write_text(source.read_text().replace("called", "asked", 1))
    after = read_corpus(copied).origin()
    assert after["sha256"] != before["sha256"]
    assert after["passages"] == before["passages"]


@pytest.mark.parametrize("missing", ["queue.py", "email", str(TOPICS_FILE)])
def test_a_stripped_installation_is_named(missing: str, copied: Path) -> None:
    path = copied / missing
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    expected = f"{Path(missing).stem}.py: no such file: this Python installation lacks sources"
    with pytest.raises(UserError, match=expected):
        read_corpus(copied)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("queue.py", "def (:\n", "queue.py: not a Python source"),
        ("queue.py", "\0", "queue.py: not a Python source"),
        (str(TOPICS_FILE), "topics = dict()\n", "topics.py: holds no table"),
        (str(TOPICS_FILE), "topics = {'with': open('x')}\n", "topics.py: holds no table"),
    ],
)
def test_damaged_sources_are_named(name: str, text: str, expected: str, copied: Path) -> None:
    (copied / name).write_text(text)
    with pytest.raises(UserError, match=expected):
        read_corpus(copied)


def test_real_passages_and_names_are_unique(real: Corpus) -> None:
    words = [normalised(passage.text) for passage in real.passages]
    assert len(set(words)) == len(words)
    names = [passage.id for passage in real.passages]
    assert len(set(names)) == len(names)


def test_every_area_has_documents_on_both_sides(real: Corpus) -> None:
    for area in (*AREAS, REFERENCE):
        for held_out in (False, True):
            documents = {
                p.document for p in real.passages if (p.area, p.held_out) == (area, held_out)
            }
            assert len(documents) >= 2, (area, held_out)


def test_every_held_out_document_is_read(real: Corpus) -> None:
    assert {passage.document for passage in real.passages} >= HELD_OUT


def test_real_passages_are_prose(real: Corpus) -> None:
    for passage in real.passages:
        assert ">>>" not in passage.text and "::=" not in passage.text
        assert 8 <= len(passage.text.split()) <= 40
