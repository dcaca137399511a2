"""Brings a pre-trained model, from whichever source has it, into one checked folder."""
