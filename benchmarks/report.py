"""`docs/benchmarks.md`, of what was measured."""

import re

from benchmarks.section import Section

_HEAD = """\
# Benchmarks

Speed and memory of masks, of their similarity, of statistics and of fine-tuning under masks, beside
what one would use instead. Made by

```sh
make bench
```

on {machine}
At its start, {busy:.1f} other processes wanted a core.

Weights are synthetic: normal, each matrix of its own scale, in the shapes of a known model. Each
contestant runs in a process of its own, from files to files, and may use all cores. The page cache
is warm: the weights were read just before. *Work* is wall time within the process, after start and
imports; *whole process*, *CPU* (user and system) and *peak* (resident memory) are the operating
system's numbers. Costs are medians where a repeat is cheap. A plain pass reads the weights, writes
as many bytes as masks have, synced to disk as ours are, and does nothing with them: the physical
limit. Ours hashes each mask that it writes, too.

`make bench ARGS="--help"` tells how to measure a part of it, or less thoroughly.

"""


def render(sections: list[Section], machine: str, busy: float) -> str:
    """Return the document.

    Args:
        sections: in order.
        machine: what they were measured on, a paragraph.
        busy: the load before they were.
    """
    head = _HEAD.format(machine=machine, busy=busy)
    return head + "\n".join(section.markdown() for section in sections)


def merge(text: str, sections: list[Section], machine: str, busy: float) -> str:
    """Return the document `text` with new sections in the place of those that they repeat.

    A new one says what it was measured on. One that has none to replace goes to the end.
    """
    head, *old = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    parts = {part.partition("\n")[0]: part.rstrip("\n") for part in old}
    for section in sections:
        note = (
            f"Measured apart, on {machine} At its start, {busy:.1f} other processes wanted a core."
        )
        parts[f"## {section.title}"] = f"{section.markdown()}\n{note}"
    return head + "\n\n".join(parts.values()) + "\n"
