"""How a ranker learns: examples with features, trees over them, a network distilled from the trees; both serve."""
