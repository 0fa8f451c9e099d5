"""The reference of bench.serving: what FastAPI and uvicorn cost when there is nothing to do."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/", response_model=None)
async def empty() -> dict[str, str]:
    """Answer {}."""
    return {}
