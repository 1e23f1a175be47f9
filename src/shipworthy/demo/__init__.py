"""The embedded demo: a small support desk, a 0.95 M parameter model of it, and a story of two candidates.

`world` draws examples, `story` writes the files that a run needs, `ladder` measures every model of the story.
"""
