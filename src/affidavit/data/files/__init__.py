"""Readers of files and of scikit-learn's bundled sets: one format a module."""
