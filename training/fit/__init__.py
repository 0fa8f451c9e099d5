"""How each source learns: one file a source, of the same name as the file in models/sources/ that answers from it.

A fit module has `Settings`, a pydantic model of its knobs (unknown keys are errors; each field says its effect and
unit), and `fit(data: TrainingData, settings: Settings) -> Learned`.
"""
