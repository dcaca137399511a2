"""How similar masks of one model are: counts over all pairs, and the measures made of them."""
