"""Regular expressions for names of weights, matched in time linear in the name.

Python's `re` backtracks: `(a+)+$` on a name of 40 letters takes hours. Here an expression becomes a
nondeterministic automaton (Thompson 1968) whose states are all followed at once. `re` is used only
to match single characters, classes and escapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from pbias.errors import UserError

MAX_LENGTH, MAX_DEPTH, MAX_STATES = 1000, 50, 5000
OPERATORS = "|)*+?{"
REPEATS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
COUNTS = re.compile(r"\{(\d{1,4})?(?:(,)(\d{1,4})?)?\}", re.ASCII)
CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
# Only escapes that stand for one character, not for a position or another group.
ESCAPE = re.compile(r"\\(?:[dDwWsSfnrtv]|[^0-9A-Za-z])", re.DOTALL)
Test = Callable[[str], object]


@dataclass
class _State:
    """A position in a match: a test for the next character, or further states to enter as well.

    `anchor` is "^" or "$": the further states count only at the beginning or the end of the name.
    """

    test: Test | None = None
    anchor: str = ""
    to: list[_State] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """A piece of the automaton: its first state and its single last state."""

    first: _State
    last: _State


@dataclass(frozen=True)
class NamePattern:
    """A compiled expression."""

    whole: _Part

    def search(self, name: str) -> bool:
        """Return whether the expression matches anywhere in the name, as `re.search` does."""
        states: dict[int, _State] = {}
        for place in range(len(name) + 1):
            _reach(self.whole.first, states, place, len(name))
            if id(self.whole.last) in states:
                return True
            if place < len(name):
                passed = [s for s in states.values() if s.test and s.test(name[place])]
                states = {}
                for state in passed:
                    _reach(state.to[0], states, place + 1, len(name))
        return False


def compile_pattern(text: str) -> NamePattern:
    """Compile an expression of literals, `.`, classes, groups, `|`, repeats, `^` and `$`.

    Repeats are `*`, `+`, `?` and `{m,n}`. Raises UserError for anything else, such as references,
    lookaround, flags and word boundaries.
    """
    if len(text) > MAX_LENGTH:
        raise UserError(
            f"re: expression of {len(text):,} characters; use at most {MAX_LENGTH:,}, or several"
        )
    return NamePattern(_Parser(text).whole())


def _reach(start: _State, states: dict[int, _State], place: int, end: int) -> None:
    """Add a state and all states that can be reached from it without a character."""
    waiting = [start]
    while waiting:
        state = waiting.pop()
        if id(state) in states:
            continue
        states[id(state)] = state
        open_ = {"^": place == 0, "$": place == end}.get(state.anchor, True)
        if state.test is None and open_:
            waiting += state.to


class _Parser:
    """A parser that reads an expression once, from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth, self.num_states = text, 0, 0, 0

    def whole(self) -> _Part:
        part = self._choice()
        if self.at < len(self.text):
            raise self._error("unbalanced parenthesis")
        return part

    def _choice(self) -> _Part:
        parts = [self._sequence()]
        while self._next("|"):
            parts.append(self._sequence())
        if len(parts) == 1:
            return parts[0]
        last = self._state()
        for part in parts:
            part.last.to.append(last)
        return _Part(self._state(to=[part.first for part in parts]), last)

    def _sequence(self) -> _Part:
        first = last = self._state()
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            part = self._repeated()
            last.to.append(part.first)
            last = part.last
        return _Part(first, last)

    def _repeated(self) -> _Part:
        start = self.at
        part = self._atom()
        stop = self.at
        counts = self._counts()
        if counts is None:
            return part
        self._next("?")  # lazy repeats match the same names
        if self._counts(peek=True):
            raise self._error("multiple repeat")
        return self._copies(start, stop, *counts)

    def _copies(self, start: int, stop: int, least: int, most: int | None) -> _Part:
        """Return the text from `start` to `stop`, `least` to `most` times in a row."""
        end, first = self.at, self._state()
        last = first
        skips = [] if least else [first]
        for count in range(1, (most if most is not None else max(least, 1)) + 1):
            self.at = start
            part = self._atom()
            last.to.append(part.first)
            if most is None and count == max(least, 1):
                part.last.to.append(part.first)
            last = part.last
            if least <= count:
                skips.append(last)
        out = self._state()
        for state in skips or [last]:
            state.to.append(out)
        assert self.at == stop or most == 0, "the same text is read again"
        self.at = end
        return _Part(first, out)

    def _counts(self, *, peek: bool = False) -> tuple[int, int | None] | None:
        """Return the minimum and maximum of the repeat at this position; None without one."""
        if self.at == len(self.text):
            return None
        char, match = self.text[self.at], COUNTS.match(self.text, self.at)
        if char in REPEATS:
            self.at += not peek
            return REPEATS[char]
        if match is None or not (match[1] or match[2]):
            return None
        least = int(match[1] or 0)
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if most is not None and most < least:
            raise self._error("min repeat greater than max repeat")
        self.at = self.at if peek else match.end()
        return least, most

    def _atom(self) -> _Part:
        char = self.text[self.at]
        if char == "(":
            return self._group()
        if char in "^$":
            self.at += 1
            return self._single(self._state(anchor=char))
        if char in "*+?":
            raise self._error("nothing to repeat")
        found = {"[": CLASS, "\\": ESCAPE}.get(char)
        match = None if found is None else found.match(self.text, self.at)
        if found is not None and match is None:
            raise self._error("only classes and escapes for one character can be used")
        text = char if match is None else match[0]
        self.at += len(text)
        return self._single(self._state(test=self._one(text)))

    def _group(self) -> _Part:
        self.at += 1
        if self.text.startswith("?", self.at):
            if not self.text.startswith("?:", self.at):
                raise self._error("only plain groups, ( ) and (?: ), can be used")
            self.at += 2
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(f"more than {MAX_DEPTH} groups in one another")
        part = self._choice()
        self.depth -= 1
        if not self._next(")"):
            raise self._error("missing ), unterminated group")
        return part

    def _one(self, text: str) -> Test:
        """Return a test for one character."""
        if len(text) == 1 and text != ".":
            return text.__eq__
        try:
            return re.compile(text).fullmatch
        except (re.error, OverflowError) as error:
            raise self._error(str(error)) from error

    def _single(self, state: _State) -> _Part:
        last = self._state()
        state.to.append(last)
        return _Part(state, last)

    def _state(
        self, *, test: Test | None = None, anchor: str = "", to: list[_State] | None = None
    ) -> _State:
        self.num_states += 1
        if self.num_states > MAX_STATES:
            raise self._error("too many repeats")
        return _State(test, anchor, to or [])

    def _next(self, char: str) -> bool:
        found = self.text.startswith(char, self.at)
        self.at += found
        return found

    def _error(self, why: str) -> UserError:
        shown = self.text if len(self.text) <= 80 else self.text[:77] + "..."
        return UserError(
            f"re:{shown} is not a regular expression of the kind that selectors take ({why}); "
            "correct it, or name the layers one by one"
        )
