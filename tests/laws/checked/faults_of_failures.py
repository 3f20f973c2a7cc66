"""Faults in what becomes of a view document when the view's code fails."""

from __future__ import annotations

from tests.laws.breaking import Fault

ASSEMBLE = "operators.assemble"

FAULTS_OF_FAILURES = (
    Fault("failures: no letter", ((ASSEMBLE, "ctx.emit(failure(letter, error, self.view.on_error))", "pass"),)),
    Fault(
        "failures: a letter is not taken back", ((ASSEMBLE, 'ctx.emit(DeadLetter(letter, "", cleared=True))', "pass"),)
    ),
    Fault(
        "failures: what should go stays",
        ((ASSEMBLE, 'elif self.view.on_error == "delete" and record.last:', "elif False:"),),
    ),
    Fault(
        "failures: what should stay goes",
        (
            (
                ASSEMBLE,
                "self._emit(record, root, record.last, list(record.last), ctx)",
                "self._emit(record, root, {}, list(record.last), ctx)",
            ),
        ),
    ),
    Fault("failures: nothing is flagged", ((ASSEMBLE, "if self.keeps and not failed and record.last:", "if False:"),)),
    Fault(
        "failures: a flag stays",
        ((ASSEMBLE, "changed = list({**record.last, **shown}) if self.keeps else changed", "pass"),),
    ),
)
