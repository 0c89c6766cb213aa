"""Neural networks as plain inference modules."""
