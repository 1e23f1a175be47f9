"""Which names are times and which are prices, wherever a results file has them."""

import re

_TIMES = re.compile(
    r"^(?:latency|duration|response_time|total_time|runtime|elapsed|first_token|ttft|time_to_first_token)"
    r"(?:_p(?P<percent>\d\d))?(?:_(?P<unit>s|sec|secs|seconds|ms))?$"
)
USD = ("cost", "cost_usd", "price", "total_cost", "price_usd")
_PRICES = (*USD, "tokens", "output_tokens", "input_tokens", "total_tokens", "completion_tokens")


def time_of(name: str) -> re.Match[str] | None:
    """The quantile (`percent`) and unit that the name of a time tells; None where it is no time."""
    return _TIMES.match(name.lower())


def is_time(name: str) -> bool:
    """Whether a metric of this name is the time that an answer took."""
    return time_of(name) is not None


def is_price(name: str) -> bool:
    """Whether a metric of this name is what an answer cost: of one that failed there is none."""
    return name.lower() in _PRICES
