"""Did the rows change? Two samples, a test for each kind of column, and one look that corrects for their number.

Both samples are random: no test takes the reference for the truth. Import the module you need:
`numeric` · `categorical` · `vocabulary` · `embedding` (MMD, novelty) · `classifier` · `look` decides · `types`.
A function takes the two samples (and an `rng`) and gives `Measured`; `look` turns many of them into a `Look`.
"""
