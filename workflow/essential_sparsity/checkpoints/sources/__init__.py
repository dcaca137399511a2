"""Where checkpoints come from; `checkpoints.stage` lists the sources."""
