"""Masks that training finds: lottery tickets, gradual pruning."""
