"""Says what each stage does for a task."""
