"""The pipeline, written down."""
