"""The adaptive search: from the runs so far to the runs that tell most about the crossing of ε."""
