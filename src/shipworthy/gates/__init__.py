"""Who may pass: one question over evidence, judged into a verdict. Pure; see docs/concepts/decisions.md.

`question.Question` says what is asked, `judge.judge` answers it. `explain.explain` says beforehand what each gate can
detect, `ladder` and `pareto` lay models side by side, `matrix` compares several candidates in one declared family.
"""
