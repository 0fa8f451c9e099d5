"""`python -m cli` is `endcap`."""

from cli.main import app

app(prog_name="endcap")
