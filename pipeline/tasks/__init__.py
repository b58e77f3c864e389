"""Says what each stage does for a task; no other package tells tasks apart."""
