"""Keep masks: how they are chosen, stored, read back and measured."""
