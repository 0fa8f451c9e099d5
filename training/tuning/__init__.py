"""Find a better recipe on validation days: what is varied, the study that remembers, the trials, the file."""
