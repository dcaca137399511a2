"""The kinds of figures, a folder each: what it reads, its tables, its drawing, its caption."""
