"""Where the time of requests goes, as the service itself measures it: /metrics before and after."""

from collections import defaultdict
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from bench.servers import Server

STAGES = ("parse", "memory", "history", "context", "candidates", "rank", "rules", "reply", "answer")
"""In the order of a request; `answer` is all of a route, from before `parse` to before the reply is sent."""
REQUEST = "request"
"""From the first byte of the application to the last."""
HIT, LOOKUP = "hit", "lookup"


class Spent:
    """Sums over the requests of several runs."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)

    def add(self, before: Mapping[str, float], after: Mapping[str, float]) -> None:
        """Count what happened between two readings."""
        for name, value in after.items():
            self._sums[name] += value - before.get(name, 0)

    def mean_us(self) -> dict[str, float]:
        """Return microseconds a request by stage, over all requests whether they came to the stage or not."""
        n_requests = self._sums[f"{REQUEST} count"] or 1
        names = [name for name in (*STAGES, REQUEST) if self._sums[f"{name} count"]]
        return {name: self._sums[f"{name} sum"] / n_requests * 1e6 for name in names}

    @property
    def hits(self) -> float:
        """The share of answers that were kept ones."""
        return self._sums[HIT] / (self._sums[LOOKUP] or 1)


def read_stages(server: Server) -> Mapping[str, float]:
    """Return sums and counts by stage, in seconds."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(server.get("/metrics").decode()):
        for sample in family.samples:
            end = sample.name.rpartition("_")[2]
            if family.name == "endcap_stage_seconds" and end in {"sum", "count"}:
                found[f"{sample.labels['stage']} {end}"] += sample.value
            elif family.name == "endcap_request_seconds" and end in {"sum", "count"}:
                # Reading the metrics is a request too.
                if sample.labels["route"].startswith("/v1/"):
                    found[f"{REQUEST} {end}"] += sample.value
            elif sample.name == "endcap_cache_lookups_total":
                found[LOOKUP] += sample.value
                found[HIT] += sample.value if sample.labels["outcome"] == HIT else 0
    return found
