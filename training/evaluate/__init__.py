"""What a model is worth, measured on what shoppers did after the data that it learned from.

`split_by_time` cuts, the caller fits a snapshot on the past, `temporal` and `basket` ask `recommend` for lists and
measure them against what came next. A protocol is one module with one function from a Trial to a Table.
"""
