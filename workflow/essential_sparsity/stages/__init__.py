"""The pipeline, written down: its stages, in the order in which artifacts are made.

    checkpoint ─┬─ histogram ─ mask ─┬─ measurement ─┐
                │      ticket ◀──────┤               ├─ tables ─ figure ─┬─ summary, report
    task data ──┴──────────────── run ───────────────┘  (search ◀ run)   └─ claims, tidy

A new stage is its declaration here, its short rule in `rules/`, and its science.
"""
