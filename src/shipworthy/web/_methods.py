"""How each interval is made, in one sentence with its source, for the foot of a report."""

from collections.abc import Iterable

from shipworthy.records import Finding, Method, Record


class MethodNote(Record):
    """A method's name, what it does, and where it comes from."""

    name: str
    text: str
    source: str


_NOTES: dict[Method, MethodNote] = {
    "tango": MethodNote(
        name="Tango score interval",
        text="For right-or-wrong scores of two models on the same independent examples.",
        source="Tango 1998, Statistics in Medicine 17",
    ),
    "fieller": MethodNote(
        name="Fieller interval of a ratio",
        text="For a margin in percent of the baseline: the ratio at which a difference from the baseline scaled by it "
        "would reach its own limit; clusters and skewness count as they do for differences.",
        source="Fieller 1954, Journal of the Royal Statistical Society B 16",
    ),
    "cr1_t": MethodNote(
        name="Cluster-robust t interval (jackknife, CR3)",
        text="For paired differences whose examples come in clusters, or whose scores are continuous: the jackknife's "
        "cluster-robust standard error with t on one less than the number of clusters, or Hall's limit, which corrects "
        "for skewness, where that is more cautious.",
        source="MacKinnon, Nielsen & Webb 2023, Econometrics Journal 26; Hall 1992, JRSS B 54",
    ),
    "two_way_t": MethodNote(
        name="Two-way cluster-robust t interval",
        text="For scores whose examples hang together in two crossed ways (users x documents): the variance of either "
        "way added, less that of their cells, never below the larger; t on one less than the clusters of the smaller "
        "way, or Hall's limit where that is more cautious.",
        source="Cameron, Gelbach & Miller 2011, Journal of Business & Economic Statistics 29; Hall 1992, JRSS B 54",
    ),
    "cluster_bootstrap": MethodNote(
        name="Cluster bootstrap",
        text="For metrics of a whole corpus: clusters are drawn again with replacement and the metric is recomputed "
        "from its additive counts.",
        source="Koehn 2004, EMNLP",
    ),
    "order_statistic": MethodNote(
        name="Order-statistic interval",
        text="For quantiles such as the 95th percentile of latency: limits are observed values, no shape is assumed.",
        source="David & Nagaraja 2003, Order Statistics",
    ),
    "clopper_pearson": MethodNote(
        name="Clopper-Pearson interval, exact binomial test",
        text="For one model's share of right answers on independent examples: never above its level, whatever n.",
        source="Clopper & Pearson 1934, Biometrika 26",
    ),
    "wilson": MethodNote(
        name="Wilson score interval",
        text="For one model's share of right answers on independent examples.",
        source="Wilson 1927, JASA 22",
    ),
    "newcombe_unpaired": MethodNote(
        name="Newcombe interval, unpaired",
        text="For two shares measured on different examples.",
        source="Newcombe 1998, Statistics in Medicine 17",
    ),
    "welch": MethodNote(
        name="Welch interval",
        text="For two means measured on different examples, variances not assumed equal.",
        source="Welch 1947, Biometrika 34",
    ),
    "none": MethodNote(
        name="No interval",
        text="The sample is too small or too skewed for limits that can be trusted, so none are given.",
        source="",
    ),
}

DECISION = MethodNote(
    name="From gates to a verdict",
    text="Promote when every hard gate passes. Block when a hard gate fails after Holm's correction over gates and "
    "slices. A failing soft gate asks for a signature. Everything else is inconclusive.",
    source="Berger 1982, Technometrics 24; Holm 1979, Scandinavian Journal of Statistics 6",
)


def notes(findings: Iterable[Finding]) -> tuple[MethodNote, ...]:
    """The notes of the methods that findings used, in the order of the table, and how a verdict is made."""
    used = {finding.method for finding in findings}
    return (*(note for method, note in _NOTES.items() if method in used), DECISION)
