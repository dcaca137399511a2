"""Kinds of examples, a module each with one `EXAMPLES`, found by its name."""

from essential_sparsity.support import extensions

extensions.join(__path__, "kinds")
