"""The paths of HTTP, version 1: one file for each kind of question."""
