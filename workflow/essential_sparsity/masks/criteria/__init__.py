"""The criteria, a module each; `masks.registry` finds them by themselves."""
