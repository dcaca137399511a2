"""The kinds of figures, a folder each: what it reads, its tables, its drawing, its caption."""

from essential_sparsity.support import extensions

extensions.join(__path__, "figures")
