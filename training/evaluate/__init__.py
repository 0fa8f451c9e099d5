"""What a model is worth, measured on what shoppers did after the data that it learned from.

`known_before` cuts, the caller fits a snapshot on that, `hold_out` gathers what came next, and a protocol asks
`recommend` for lists and measures them against it. A protocol is one module with one function, named in `protocols`.
"""
