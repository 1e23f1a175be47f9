"""Shipworthy decides, with evidence, whether a fine-tuned language model may ship, and then watches over it."""

__version__ = "0.1.0"
