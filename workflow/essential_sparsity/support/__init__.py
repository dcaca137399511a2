"""Infrastructure that knows no science: files, seals, tables, errors, the hub, locks, GPUs."""
