"""What the bench commands run."""
