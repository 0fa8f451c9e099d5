"""Bundles on disk: immutable versioned directories, and one file that says which of them is the champion."""
