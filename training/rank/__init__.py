"""How a ranker learns: examples with features, trees over them, and a small network distilled from the trees."""
