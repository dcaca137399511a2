"""Speed and memory of masks and their similarity, side by side with what one would use instead."""
