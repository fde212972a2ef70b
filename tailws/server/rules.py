"""Rules of the config: tell the pages, and call a webhook, when a line matches."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from tailws.config import Rule
from tailws.logs.lookout import Lookout, Lookouts, Match
from tailws.messages import MatchHead
from tailws.names import name_glob
from tailws.runtime.webhook import Webhooks
from tailws.server.client import Client
from tailws.text.match import Filter

#: Bytes of a line that a webhook gets, and a page.
LINE = 4096


class Rules:
    """Owns a lookout for each rule, and the webhooks. `clients` is the live collection."""

    def __init__(
        self, lookouts: Lookouts, clients: Iterable[Client], wall: Callable[[], float]
    ) -> None:
        self._lookouts = lookouts
        self._clients = clients
        self._wall = wall
        self._rules: dict[Rule, Lookout] = {}
        self.webhooks = Webhooks()

    def apply(self, rules: tuple[Rule, ...]) -> None:
        """Follow these rules; those that have not changed go on untouched."""
        for rule in self._rules.keys() - set(rules):
            self._rules.pop(rule).close()
        for rule in rules:
            if rule not in self._rules:
                self._rules[rule] = self._begin(rule)

    def _begin(self, rule: Rule) -> Lookout:
        globs = [name_glob(glob) for glob in rule.sources]

        filter_ = Filter.of([rule.pattern])

        def tell(match: Match) -> None:
            self._tell(rule, match)

        return self._lookouts.watch(
            lambda name: any(glob(name) for glob in globs),
            lambda _: filter_,
            rule.every,
            tell,
        )

    def _tell(self, rule: Rule, match: Match) -> None:
        now = round(self._wall() * 1000)
        name, line = match.source.name, match.line[:LINE]
        head = MatchHead(source=name, cursor=match.cursor, count=match.count, rule=rule.name, t=now)
        for client in list(self._clients):
            if client.principal.may_see(name) and not client.is_stuck:
                client.say(head, line)
        if rule.webhook is not None:
            event = {
                "rule": rule.name,
                "source": name,
                "line": line.decode(errors="replace"),
                "count": match.count,
                "cursor": match.cursor,
                "host": socket.gethostname(),
                "time": now,
            }
            hook = rule.webhook
            self.webhooks.send(hook.url, event, hook.timeout, hook.attempts)

    def close(self) -> None:
        """Stop watching and sending."""
        self.apply(())
        self.webhooks.close()
