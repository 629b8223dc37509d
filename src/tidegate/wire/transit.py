"""
Transit 0.8 bodies, compact or verbose, to plain values. Source: docs/specs/import-api.md, W70 to W75.

Transit is JSON in which strings say more than they are: `~` begins a typed scalar, `^` refers to a string
seen before, and the first element of an array may say that it is a map or a tagged value. One reader takes
both forms, since every element tells which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, product
from operator import itemgetter
from typing import Any

from tidegate.errors import MalformedBody
from tidegate.wire.bounds import DATA_POINTS_MAX
from tidegate.wire.decode import decode_doubles, text_of
from tidegate.wire.pieces import hold_containers
from tidegate.wire.transit_values import SCALARS, alike_scalars, key_text, scalar, tagged

CACHE_SIZE = 44 * 44
"""Entries of the string cache; the next cacheable string empties it. Source: the Transit format."""

_CACHEABLE_CHARS_MIN = 4
_LEVELS_MAX = 250
_EXPANSION_MAX = 10
"""How many times its own length a body may grow by references to strings; real ones stay below 2."""

_ELEMENTS_MAX = 2 * DATA_POINTS_MAX + 1
"""A map of so many data points has so many elements: its mark, then keys and values."""

_ALIKE_MIN = 3
_PLAIN_MIN = 16
"""An array this long is tried as a whole first: most hold one kind of scalar."""

_UNCACHED = SCALARS.keys() | {"~~", "~^", "~`"}
_LIST = {list}
_FIRST = itemgetter(slice(0, 1))
_FIRST_TWO = itemgetter(slice(0, 2))
_MAP = "^ "
_MARKS = frozenset("~^`")
ReadAlike = Callable[[str, Sequence[str]], list[Any]]
_DIGITS = [chr(ord("0") + digit) for digit in range(44)]
_PAIRS = map("".join, product(_DIGITS, repeat=2))
_CODES = {f"^{digits}": index for index, digits in [*enumerate(_DIGITS), *enumerate(_PAIRS)]}
"""Cache codes, of one digit or two -> the entries they refer to."""


@dataclass(frozen=True, slots=True)
class Alike:
    """
    Two or more maps with the same names, by column: `columns[i]` has the values of `names[i]`.

    A column of maps that are alike is one of these too.
    """

    names: list[str]
    columns: Sequence[Sequence[Any] | Alike]

    def rows(self) -> list[dict[str, Any]]:
        """Return the maps."""
        columns = map(values_of, self.columns)
        return [dict(zip(self.names, row)) for row in zip(*columns)]  # noqa: B905 - quicker unchecked

    def behind(self, head: Any) -> Alike | list[Any]:
        """Return the maps with one more ahead of them, by column if that one is like them."""
        if type(head) is not dict or list(head) != self.names:
            return [head, *self.rows()]
        columns = [
            column.behind(first) if isinstance(column, Alike) else [first, *column]
            for first, column in zip(head.values(), self.columns, strict=True)
        ]
        return Alike(self.names, columns)


def values_of(column: Sequence[Any] | Alike) -> Sequence[Any]:
    """Return a column's values, one for each map."""
    return column.rows() if isinstance(column, Alike) else column


def decode_transit(body: bytes) -> Any:
    """
    Decode a Transit body to None, bool, int, float, Decimal, str, aware datetime, list, and dict of str keys.

    Errors: MalformedBody says what is wrong.
    """
    read = decode_columns(body)
    return read.rows() if isinstance(read, Alike) else read


def decode_columns(body: bytes, read_alike: ReadAlike = alike_scalars) -> Any:
    """
    Decode a Transit body as above, but to `Alike` when it is an array of maps that are plainly alike.

    Shape: `read_alike` reads many typed scalars that begin alike.
    """
    text = text_of(body)
    hold_containers(text)
    values = decode_doubles(text)
    try:
        return _Reader(_EXPANSION_MAX * len(text), read_alike).root(values)
    except RecursionError:
        raise MalformedBody("nested too deeply") from None


class _Reader:
    """
    Reads one body: elements in the order sent, since the meaning of a code depends on what came before.

    `_shapes` remembers the names of maps by their raw keys. That is sound for keys that are codes or too
    short to be cached, because such keys change nothing in the cache, until the cache is emptied.
    """

    __slots__ = ("_cache", "_chars_left", "_emptied", "_read_alike", "_shapes")

    def __init__(self, expansion_max: int, read_alike: ReadAlike) -> None:
        self._read_alike = read_alike
        self._cache: list[str] = []
        self._shapes: dict[tuple[Any, ...], list[str]] = {}
        self._chars_left = expansion_max
        self._emptied = 0

    def value(self, node: Any, level: int) -> Any:
        """Read one element that is not a map key."""
        kind = type(node)
        if kind is str:
            return self._text(node) if node[:1] in _MARKS else node
        if kind is list:
            return self._list(node, level + 1)
        if kind is dict:
            return self._object(node, level + 1)
        return node

    def root(self, values: Any) -> Any:
        """Read a body: its first record by itself, the others in columns if they are all alike."""
        if type(values) is not list or len(values) < _ALIKE_MIN or type(values[0]) is not list:
            return self.value(values, 0)
        head = self.value(values[0], 1)
        rest = self._alike(values[1:], 1)
        if rest is None:
            return [head, *(self.value(each, 1) for each in values[1:])]
        return rest.behind(head)

    # --- Strings -------------------------------------------------------------------------------------------

    def _text(self, raw: str) -> Any:
        """Read a string that has a mark in front and is not a map key."""
        read = SCALARS.get(raw[:2])
        if read is not None:
            return read(raw[2:])
        if raw[0] == "^":
            raw = self._referred(raw)
            self._chars_left -= len(raw)
            if self._chars_left < 0:
                raise MalformedBody("references to cached strings make the body too large")
        elif raw[:2] in {"~:", "~$", "~#"}:
            self._remember(raw)
        return scalar(raw)

    def _key(self, raw: Any, level: int) -> str:
        """Read a map key: any scalar, as text."""
        if type(raw) is not str:
            return key_text(self.value(raw, level))
        if raw[:1] == "^":
            raw = self._referred(raw)
        else:
            self._remember(raw)
        return key_text(scalar(raw)) if raw[:1] in _MARKS else raw

    def _remember(self, raw: str) -> None:
        if len(raw) < _CACHEABLE_CHARS_MIN:
            return
        if len(self._cache) == CACHE_SIZE:
            self._cache.clear()
            self._shapes.clear()
            self._emptied += 1
        self._cache.append(raw)

    def _referred(self, code: str) -> str:
        """Return the string a cache code stands for."""
        index = _CODES.get(code)
        if index is None:
            raise MalformedBody(f"{code[:10]!r} is no cache code")
        if index >= len(self._cache):
            raise MalformedBody(f"cache code {code!r} refers to nothing")
        return self._cache[index]

    # --- Arrays, maps, tagged values -----------------------------------------------------------------------

    def _list(self, node: list[Any], level: int) -> Any:
        if level > _LEVELS_MAX:
            raise MalformedBody("nested too deeply")
        if len(node) > _ELEMENTS_MAX and level > 1:
            raise MalformedBody(f"an array of {len(node)} elements holds more than a record may")
        first = node[0] if node else None
        if type(first) is str and first[:1] in _MARKS:
            if first == _MAP:
                return self._map(node, level)
            tag = self._tag(first)
            if tag is not None:
                if len(node) != 2:
                    raise MalformedBody(f"tag {tag[:50]!r} has {len(node) - 1} values instead of one")
                return tagged(tag, self.value(node[1], level))
        plain = self._column(node, level) if len(node) >= _PLAIN_MIN else None
        return [self.value(each, level) for each in node] if plain is None else list(values_of(plain))

    def _tag(self, first: str) -> str | None:
        """Return the tag that a first element is; None when it is none, and then it is not yet read."""
        if first[0] == "^":
            first = self._referred(first)
            return first[2:] if first[:2] == "~#" else None
        if first[:2] != "~#":
            return None
        self._remember(first)
        return first[2:]

    def _map(self, node: list[Any], level: int) -> dict[str, Any]:
        if len(node) % 2 == 0:
            raise MalformedBody("a map has a key without a value")
        raw_keys = tuple(node[1::2])
        values = node[2::2]
        try:
            names = self._shapes.get(raw_keys)
        except TypeError:  # a key is a list or an object
            names = None
        if names is None:
            return self._new_map(raw_keys, values, level)
        emptied = self._emptied
        for i, each in enumerate(values):
            kind = type(each)
            if kind is str:
                if each[:1] not in _MARKS:
                    continue
                values[i] = self._text(each)
            elif kind is list or kind is dict:
                values[i] = self.value(each, level)
            else:
                continue
            if self._emptied != emptied:  # the codes behind this value mean something else now
                read = dict(zip(names, values[: i + 1], strict=False))
                return read | self._pairs(raw_keys[i + 1 :], values[i + 1 :], level)
        return dict(zip(names, values, strict=True))

    def _new_map(self, raw_keys: tuple[Any, ...], values: list[Any], level: int) -> dict[str, Any]:
        """Read a map whose shape is not known, and keep the shape if it can be."""
        emptied = self._emptied
        read = self._pairs(raw_keys, values, level)
        plain = all(type(raw) is str and _leaves_cache(raw) for raw in raw_keys)
        if plain and len(read) == len(raw_keys) and self._emptied == emptied:
            self._shapes[raw_keys] = list(read)
        return read

    def _pairs(self, raw_keys: Sequence[Any], values: Sequence[Any], level: int) -> dict[str, Any]:
        read: dict[str, Any] = {}
        for raw, each in zip(raw_keys, values, strict=True):
            name = self._key(raw, level)  # ahead of its value, as it was written
            read[name] = self.value(each, level)
        return read

    def _object(self, node: dict[str, Any], level: int) -> Any:
        """Read a JSON object: a map of the verbose form, or a tagged value when its only key is a tag."""
        if level > _LEVELS_MAX:
            raise MalformedBody("nested too deeply")
        if len(node) == 1:
            ((first, rep),) = node.items()
            tag = self._tag(first) if first[:1] in _MARKS else None
            if tag is not None:
                return tagged(tag, self.value(rep, level))
        read: dict[str, Any] = {}
        for raw, each in node.items():
            name = key_text(scalar(raw)) if raw[:1] in _MARKS else raw
            read[name] = self.value(each, level)
        return read

    # --- Many maps of one shape ----------------------------------------------------------------------------

    def _alike(self, nodes: Sequence[Any], level: int) -> Alike | None:
        """
        Read maps with the same keys column by column; None when they are not that plain.

        Nothing here changes the cache or counts against the expansion, so the order does not matter, and
        the caller may begin anew map by map.
        """
        if set(map(type, nodes)) != _LIST or len(set(map(len, nodes))) != 1 or level > _LEVELS_MAX:
            return None
        columns = list(zip(*nodes, strict=True))
        keys = columns[1::2]
        if len(columns) % 2 == 0 or columns[0][0] != _MAP or not all(map(_is_constant, (columns[0], *keys))):
            return None
        raw_keys = [column[0] for column in keys]
        if not raw_keys or not all(map(_leaves_cache, raw_keys)):
            return None
        names = [self._key(raw, level) for raw in raw_keys]
        values = [self._column(column, level + 1) for column in columns[2::2]]
        read = [column for column in values if column is not None]
        return Alike(names, read) if len(read) == len(values) else None

    def _column(self, column: Sequence[Any], level: int) -> Sequence[Any] | Alike | None:
        """Read the values of one field in many maps; None when one of them is not plain."""
        kinds = set(map(type, column))
        if kinds == _LIST:
            alike = self._alike(column, level)
            return _plain_lists(column) if alike is None else alike
        if list in kinds or dict in kinds:
            return None
        if str not in kinds:
            return column
        return self._scalars(
            column, column if len(kinds) == 1 else [each for each in column if type(each) is str]
        )

    def _scalars(self, column: Sequence[Any], texts: Sequence[str]) -> Sequence[Any] | None:
        """Read scalars, `texts` among them; None when one refers to the cache, or would be cached."""
        if _are_unmarked(texts):
            return column
        starts = set(map(_FIRST_TWO, texts))
        if any(start[:1] in _MARKS and start not in _UNCACHED for start in starts):
            return None
        if len(starts) == 1 and len(texts) == len(column) and starts <= SCALARS.keys():
            return self._read_alike(starts.pop(), [each[2:] for each in texts])
        return [scalar(each) if type(each) is str else each for each in column]


def _plain_lists(column: Sequence[list[Any]]) -> Sequence[list[Any]] | None:
    """Return lists as they are when nothing in them has to be read."""
    inner = column[0] if column.count(column[0]) == len(column) else list(chain.from_iterable(column))
    kinds = set(map(type, inner))
    if list in kinds or dict in kinds:
        return None
    texts = [each for each in inner if type(each) is str]
    return column if _are_unmarked(texts) else None


def _are_unmarked(texts: Sequence[str]) -> bool:
    """Tell whether no text has a mark in front: one look at all together, at each where that is unsure."""
    joined = "\n".join(("", *texts))
    if "\n~" not in joined and "\n^" not in joined and "\n`" not in joined:
        return True
    return _MARKS.isdisjoint(map(_FIRST, texts))


def _is_constant(column: Sequence[Any]) -> bool:
    return type(column[0]) is str and column.count(column[0]) == len(column)


def _leaves_cache(raw: str) -> bool:
    """Tell whether a map key is a code, or too short to be cached."""
    return raw[:1] == "^" or len(raw) < _CACHEABLE_CHARS_MIN
