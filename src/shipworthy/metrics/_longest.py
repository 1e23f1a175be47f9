"""How long an answer can get: as many tokens as the model was given, else twice the longest that was met."""

TWICE = 2.0
"""Where nobody said how many tokens an answer can have, none is taken to be longer than twice the longest met."""
CHARACTERS_A_TOKEN = 4.0
"""Characters of one token, about; of words a token holds one at most."""


def longest_answer(met: float, tokens: float | None, a_token: float = 1.0) -> float:
    """The longest answer to reckon with, in units of which a token holds `a_token`; never shorter than what was met."""
    return TWICE * met if tokens is None else max(tokens * a_token, met)
