"""Numerical methods that know nothing of muscle."""
