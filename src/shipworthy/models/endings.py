"""How an endpoint says that an answer did not end by itself (`finish_reason`)."""

CUT = frozenset(("length", "max_tokens", "MAX_TOKENS", "model_length"))
FILTERED = frozenset(("content_filter", "SAFETY", "PROHIBITED_CONTENT"))
