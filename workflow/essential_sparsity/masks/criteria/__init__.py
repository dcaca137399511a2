"""The criteria, a module each; `masks.registry` finds them by themselves."""

from essential_sparsity.support import extensions

extensions.join(__path__, "criteria")
