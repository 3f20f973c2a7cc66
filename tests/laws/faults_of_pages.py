"""Faults in what a drained engine does page by page, each found by histories of hot keys."""

from __future__ import annotations

from tests.laws.breaking import Fault

PAGING = "operators.drained.paging"
EDITIONS = "operators.drained.editions"
ASSEMBLE = "operators.drained.assemble"
PLACING = "operators.drained.placing"
MATCH = "operators.drained.match"
UNTOLD = "operators.drained.untold"

FAULTS_OF_PAGES = (
    Fault(
        "pages: subscriptions do not move",
        ((PAGING, "            self._move(roots, asked, path)", "            pass"),),
    ),
    Fault(
        "pages: a departure is shown while the document is owed",
        ((PLACING, "if doc.gone and path in owed:", "if False:"),),
    ),
    Fault(
        "pages: a document may ask for what is not open",
        ((PLACING, "if not all(record.is_open(child.index, k) for k in keys):", "if False:"),),
    ),
    Fault(
        "pages: what was asked for may stay open",
        ((PLACING, "if self._lags(slot) and any(record", "if False and any(record"),),
    ),
    Fault("pages: what is kept need not be settled", ((ASSEMBLE, " and self._asked == record.answered_keys", ""),)),
    Fault("pages: a root that leaves ends what is asked for now", ((PAGING, "{**before, **unheard}", "dict(before)"),)),
    Fault("pages: older editions do not hear of changes", ((EDITIONS, "held.setdefault(path, keys)", "pass"),)),
    Fault(
        "pages: older editions forget what they hold", ((EDITIONS, "held.setdefault(path, keys)", "held[path] = keys"),)
    ),
    Fault(
        "pages: a newcomer is of an old edition",
        ((PAGING, "                self.editions.hears(root, self.subs)", "                pass"),),
    ),
    Fault("pages: departures stay", ((PAGING, "                del self.left[path]", "                pass"),)),
    Fault(
        "pages: departures go before all have heard",
        (
            (
                PAGING,
                "        if self.editions is None:\n            for path in changed:",
                "        if True:\n            for path in changed:",
            ),
        ),
    ),
    Fault(
        "pages: every round begins at the first edition",
        ((EDITIONS, "max(last, max(known.values(), default=0) // MARK)", "0"),),
    ),
    Fault(
        "pages: whom a restart has not read is not told",
        ((EDITIONS, "            roots = self._rest.read_on(most)", "            self._rest.read_on(most)"),),
    ),
    Fault(
        "pages: a round is over before all is read",
        ((EDITIONS, "self._waiting[0].over and not self._is_unsorted:", "self._waiting[0].over:"),),
    ),
    Fault(
        "pages: the last round is not noted",
        ((PAGING, "self.last if self.editions is None else self.editions.now", "self.last"),),
    ),
    Fault("pages: who has heard does not hear again", ((EDITIONS, "        self._heard.append(root)\n", ""),)),
    Fault("pages: marks count as weights", ((PAGING, "old = held % MARK", "old = held"),)),
)


FAULTS_OF_PARTS = (
    Fault(
        "parts: a root shows what it knows so far",
        ((UNTOLD, "return any(root in parts for parts in self._parts.values())", "return False"),),
    ),
    Fault(
        "parts: a root that goes keeps what it was not told",
        ((PAGING, "news.update(self.editions.unheard(self._went[root]))", "pass"),),
    ),
    Fault("parts: a newcomer is not in order", ((PAGING, "            self.parts.came(path)", "            pass"),)),
    Fault(
        "parts: what another key holds goes too",
        ((PLACING, "return not doc.gone and record.covered(path, others, root, self.joins)", "return False"),),
    ),
    Fault(
        "parts: who goes gets no end",
        ((PAGING, "            self.ctx.send(self.match.assemble, root, self._say((), -1))", "            pass"),),
    ),
    Fault(
        "parts: what is behind a page is not asked for",
        ((PAGING, "Subscribe(((root, 1 if grows else -1),))", "Subscribe(())"),),
    ),
    Fault(
        "parts: changes move nothing",
        ((PAGING, "                self._move((root,), keys, path)", "                pass"),),
    ),
    Fault("parts: who comes is told by the round too", ((EDITIONS, "and r not in leaving_out and", "and"),)),
)
