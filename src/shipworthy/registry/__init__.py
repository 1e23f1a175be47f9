"""WHAT IS RELEASED: releases made from promoted runs, production and rollback, sign-offs, and the proof of all of it.

`Registry` holds the releases under one home; `sign`, `revoke` and `standings` are the signatures on a run.
"""

from shipworthy.registry.judging import Judge, judged_again
from shipworthy.registry.release import Release
from shipworthy.registry.releases import Listed, Registry
from shipworthy.registry.sign_off import SignOff, Wish, revoke, sign, standings

__all__ = ["Judge", "Listed", "Registry", "Release", "SignOff", "Wish", "judged_again", "revoke", "sign", "standings"]
