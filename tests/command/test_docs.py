"""`docs/masks.md`: every command on the page works as printed, in the order of the page."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from essential_sparsity.support.errors import UserError

PAGE = Path(__file__).parents[2] / "docs" / "masks.md"


def test_the_page_works(
    models: Path,
    tmp_path: Path,
    run: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With small models in folders that are named like the hub's repositories."""
    monkeypatch.chdir(tmp_path)
    for name, model in {
        "facebook/deit-tiny-patch16-224": "vit",
        "sentence-transformers/all-MiniLM-L6-v2": "bert",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).symlink_to(models / model)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```(sh|python|text)\n(.*?)```", text, re.DOTALL)
    seen = set()
    for (kind, block), (_, printed) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "python":
            exec(block, {})
        elif kind == "sh" and block.startswith("essential-sparsity"):
            line = block.replace("\\\n", "").partition(" 2>")[0]
            _, _, subcommand, *words = line.split()
            seen.add(subcommand)
            if printed.startswith("error: "):
                with pytest.raises(UserError) as caught:
                    run(subcommand, *words)
                assert printed.strip() == f"error: {caught.value}"
                continue
            out = run(subcommand, *words)
            # What the page shows is of other models, but of this form.
            assert _form(printed) <= _form(out), block
    assert seen == {"compute", "show", "compare", "apply", "import"}


def _form(text: str) -> set[str]:
    """Return the first words of the lines, numbers of layers left out."""
    return {line.split()[0] for line in text.splitlines() if line.strip()} - {
        str(layer) for layer in range(12)
    }
