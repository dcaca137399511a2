"""The pattern of removed weights in chosen matrices."""
