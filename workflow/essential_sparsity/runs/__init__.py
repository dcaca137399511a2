"""Fine-tunes a masked model on a task with the mask held, and keeps what came out."""
