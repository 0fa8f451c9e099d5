"""Cleaning: events that say nothing of liking leave what is learned from; in SQL every one of them stays."""
