"""What numbers mean: pure functions over numpy arrays. Nothing here reads a clock, a file or a global generator.

Import the module you need, none is loaded by importing the package:
`proportion` one rate · `paired` binary differences on the same examples · `clustered` means with clusters ·
`unpaired` against a published number · `resample` the one bootstrap engine · `quantiles` · `significance` exact and
permutation tests · `effects` sizes · `multiplicity` · `power` · `seeds` · `trials` pass@k · `refusal` samples too small
to judge · `ladder` sealed test sets · `agreement` of raters.

Arrays carry their axes: `_N` examples, `_G` clusters, `_K` counts, `_M` metrics, `_B` draws, `_S` slices or seeds.
`alpha` is always one-sided: what an interval leaves out on each side, so .05 gives a 90 % interval and .025 a 95 % one.
"""
