"""Small named checks of a shop's data, each PASS, WARN or FAIL with counts and what to do; FAIL stops a training.

To add a check, write a class that derives from `training.checks.base.Check`, with its thresholds as fields (the
default and the reason for it beside each), add it to `training.checks.run.Checks` under its name, and describe it
under the same name in docs/checks.md. Give it a shop in which it fires and one in which it must not, in
tests/training/checks/.
"""
