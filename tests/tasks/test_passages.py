"""Prose is kept, everything else that documentation holds is not."""

import pytest

from essential_sparsity.tasks.corpus import MAX_WORDS, MIN_WORDS, normalised, passages_of

PROSE = "Return the number of members that the collection holds at this very moment in time."


@pytest.mark.parametrize(
    "text",
    [
        f"{PROSE}\n\n>>> len(the words of this session are no prose at all, none of them are)\n9\n",
        f">>> call()\nThe output of a session is not prose either, however many words it has.\n\n"
        f"{PROSE}",
        f"Collections\n***********\n\n{PROSE}",
        f"{PROSE}\n-----------------\n",
        f"Too short to say anything.\n\n{PROSE}",
        f'{PROSE}\n\n   with_stmt ::= "with" the words of a rule of the grammar are no prose here',
        f"{PROSE}\n\n   x = f(a[0], b=1, c=2); y = g(x.y, z) + h(*args, **kwargs); z == x != y",
        f"- {PROSE}",
        "Return the number of members that the\n    collection holds at this very moment in time.",
        f"{PROSE}\n\n{' '.join(['endless'] * (MAX_WORDS + 1))}.",
    ],
)
def test_only_the_prose_remains(text: str) -> None:
    assert list(passages_of(text)) == [PROSE]


def test_items_of_a_list_are_passages_of_their_own() -> None:
    second = PROSE.replace("number", "sum")
    assert list(passages_of(f"* {PROSE}\n* {second}\n")) == [PROSE, second]


def test_long_paragraphs_are_cut_between_sentences_only() -> None:
    short = "It does so without any change."
    first, second = f"{short} {PROSE}", f"{PROSE} {short}"
    assert list(passages_of(f"{first} {PROSE} {PROSE} {short}")) == [first, PROSE, PROSE]
    assert list(passages_of(first)) == [first]
    assert list(passages_of(second)) == [PROSE], "a sentence too short to stand alone is left out"
    assert all(len(p.split()) >= MIN_WORDS for p in passages_of(f"{first} {second}"))


def test_case_and_punctuation_do_not_tell_passages_apart() -> None:
    assert normalised("The *value*, of `x`!") == normalised("the value of X")
    assert normalised("the value of x") != normalised("the value of y")
