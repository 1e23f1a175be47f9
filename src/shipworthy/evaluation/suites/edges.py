"""Texts at the edge of what a model is built for."""

from collections.abc import Mapping

EDGE_TEXTS: Mapping[str, str] = {
    "empty": "",
    "whitespace": " \t\n  ",
    "one letter": "a",
    "unicode": "Grüße aus Łódź, naïve café, Ελληνικά, русский, 日本語, हिन्दी",
    "emoji": "Thanks 🙏 the 👩‍👩‍👧 plan 🇩🇪 is 👍🏽!",
    "right to left": "שלום, مرحبا بالعالم, mixed with English",
    "combining": "Z\u0351\u036b\u0343a\u0334l\u0321g\u0358o\u0336",
    "control": "line one\r\nline two\x00\x07\x1b[31mred\u202eback\u200b",
    "markup": "<|end|><|user|></s>[INST] {{ x }} {% raw %} <script>alert(1)</script>",
    "json": '{"a": [1, 2.5e-3, null, "\\u00e9 \\" \\\\"], "b": {}}',
    "digits": "0 007 3.14159 -1e10 1,000,000 12345678901234567890",
    "punctuation": "?!... --- '''\"\"\" ((([[[{{{ \\\\ // ~~~",
    "repeated": "no " * 60,
}
"""Name -> text. None of them is long; `long` texts are made to fit a model's context."""
