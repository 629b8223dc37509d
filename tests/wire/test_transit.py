"""Transit bodies are read as what was written, and anything else is refused."""

from __future__ import annotations

import json
import math
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.errors import MalformedBody, RecordsRefused, Refusal
from tidegate.records import Batch
from tidegate.wire.answers import Answer, refusal_answer
from tidegate.wire.content import JSON, TRANSIT
from tidegate.wire.push import check_push, read_push
from tidegate.wire.transit import decode_transit

with warnings.catch_warnings():  # an old library; what it warns of is its own affair
    warnings.simplefilter("ignore")
    from transit.transit_types import Keyword, Symbol
    from transit.writer import Writer


def written(value: Any, mode: str) -> bytes:
    """Write a value with the published Python library."""
    out = StringIO()
    Writer(out, mode).write(value)
    return out.getvalue().encode()


MODES = st.sampled_from(["json", "json_verbose"])
# Later ones the library does not write to the millisecond.
MOMENTS = st.integers(-(2**45), 2**46).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["~", "~~", "^", "^ ", "^0", "`x", "~#list", "~:key", "~i5", "id", "keyword", "table_name"]
)
PAIRS: st.SearchStrategy[tuple[Any, Any]] = (
    st.none().map(lambda v: (v, v))
    | st.booleans().map(lambda v: (v, v))
    | st.integers(-(2**80), 2**80).map(lambda v: (v, v))
    | st.floats(allow_nan=False).map(lambda v: (v, v))
    | st.decimals(allow_nan=False, allow_infinity=False, places=5).map(lambda v: (v, v))
    | TEXTS.map(lambda v: (v, v))
    | MOMENTS.map(lambda v: (v, v))
    | st.uuids().map(lambda v: (v, str(v)))
    | st.from_regex("[a-z]{1,8}", fullmatch=True).map(lambda v: (Keyword(v), v))
    | st.from_regex("[a-z]{1,8}", fullmatch=True).map(lambda v: (Symbol(v), v))
)
"""What is written, and what must be read."""
KEYS: st.SearchStrategy[tuple[Any, str]] = (
    TEXTS.map(lambda v: (v, v))
    | st.integers(-(2**80), 2**80).map(lambda v: (v, str(v)))
    | st.from_regex("[a-z]{1,8}", fullmatch=True).map(lambda v: (Keyword(v), v))
    | st.uuids().map(lambda v: (v, str(v)))
)


def lists_of(pairs: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """A list of what is written, and one of what is read."""
    return [one for one, _ in pairs], [other for _, other in pairs]


def maps_of(pairs: list[tuple[tuple[Any, str], tuple[Any, Any]]]) -> tuple[Any, Any]:
    """A map of what is written, and one of what is read; names that are alike are taken once."""
    once = {name: (key, value) for (key, name), value in pairs}
    return {key: value[0] for key, value in once.values()}, {
        name: value[1] for name, (_, value) in once.items()
    }


TREES = st.recursive(
    PAIRS,
    lambda inner: (
        st.lists(inner, max_size=4).map(lists_of) | st.lists(st.tuples(KEYS, inner), max_size=4).map(maps_of)
    ),
    max_leaves=25,
)
ROWS = st.lists(PAIRS, min_size=3, max_size=3).map(
    lambda pairs: maps_of(
        [((name, name), pair) for name, pair in zip(("id", "name", "column"), pairs, strict=True)]
    )
)


@given(TREES, MODES)
def test_what_the_published_library_writes_is_read(tree: tuple[Any, Any], mode: str) -> None:
    """Scalars, lists and maps at any depth come back as the values written. (W70, W72)"""
    sent, expected = tree
    assert repr([expected]) == repr(decode_transit(written([sent], mode)))


@given(st.lists(ROWS | TREES, max_size=12).map(lists_of), MODES)
def test_many_records_are_read_like_each_alone(rows: tuple[Any, Any], mode: str) -> None:
    """Records that look alike are read in columns, with the same outcome. (W71)"""
    sent, expected = rows
    assert repr(expected) == repr(decode_transit(written(sent, mode)))


CACHE_SIZE = 1_936  # by the Transit format: 44 * 44


class CompactWriter:
    """Writes maps of strings with a cache as the Java, Clojure and JavaScript libraries keep it."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}

    def text(self, text: str, *, as_key: bool) -> str:
        """Write one string, by its code when it has one."""
        if len(text) < 4 or not (as_key or text[:2] in {"~:", "~$", "~#"}):
            return text
        if text in self._codes:
            return self._codes[text]
        if len(self._codes) == CACHE_SIZE:
            self._codes.clear()
        index = len(self._codes)
        high, low = divmod(index, 44)
        self._codes[text] = "^" + (chr(48 + high) if index >= 44 else "") + chr(48 + low)
        return text

    def value(self, value: Any) -> Any:
        """Write one value."""
        if isinstance(value, dict):
            return ["^ ", *(part for key, each in value.items() for part in self._pair(key, each))]
        if isinstance(value, list):
            return [self.value(each) for each in value]
        return self.text(value, as_key=False) if isinstance(value, str) else value

    def _pair(self, key: str, value: Any) -> tuple[str, Any]:
        name = self.text(key, as_key=True)
        return name, self.value(value)


def compact(value: Any) -> bytes:
    """Write a value with a cache that is emptied when full."""
    return json.dumps(CompactWriter().value(value)).encode()


@given(st.integers(1, 7), st.integers(CACHE_SIZE - 3, CACHE_SIZE + 60), st.integers(1, 40))
@example(1, CACHE_SIZE, 40)
def test_a_cache_that_runs_full_is_followed_exactly(width: int, distinct: int, again: int) -> None:
    """The 1,937th cacheable string empties the cache, and codes mean what they then mean. (W71)"""
    names = [f"column{i}" for i in range(distinct)]
    names += names[:again] + names[-again:] + names[::50]
    rows = [
        {name: [{"inner" + name: "~:inner" + name}, name] for name in names[i : i + width]}
        for i in range(0, len(names), width)
    ]
    expected = [
        {name: [{"inner" + name: "inner" + name}, name] for name in names[i : i + width]}
        for i in range(0, len(names), width)
    ]
    assert expected == decode_transit(compact(rows))


KNOWN = {"alpha": 1, "beta": [], "gamma": 2, "delta": {}}
FILL = {f"column{i}": 0 for i in range(CACHE_SIZE - len(KNOWN))}
OTHER = {"other": 1, "names": 2, "under": 3, "codes": 4}


def test_codes_of_an_emptied_cache_are_forgotten() -> None:
    """Behind the end of a cache the same codes are other names, in maps of a known shape, too. (W71)"""
    sent = [KNOWN, KNOWN, KNOWN, FILL, OTHER, OTHER, OTHER]
    assert sent == decode_transit(compact(sent))


def test_keywords_as_values_of_alike_records_take_their_codes() -> None:
    """A keyword in a column is cached like any other, and so are the names behind it. (W71)"""
    rows = [{"id": i, "kind": "~:active" if i % 3 else "~:passive", f"name{i // 4}": i} for i in range(12)]
    expected = [row | {"kind": str(row["kind"])[2:]} for row in rows]
    assert expected == decode_transit(compact(rows))
    late = [{"id": i, "kind": "~:active" if i > 4 else "none", "name": i} for i in range(9)]
    assert [row | {"kind": str(row["kind"]).removeprefix("~:")} for row in late] == decode_transit(
        compact(late)
    )


def test_a_cache_emptied_inside_a_map_of_a_known_shape_is_followed_exactly() -> None:
    """A nested value may empty the cache, and then the keys behind it are other names. (W71)"""
    inside = {"alpha": 1, "beta": [OTHER], "under": 2, "codes": 3}
    sent = [KNOWN, KNOWN, KNOWN, FILL, inside, inside]
    raw = json.loads(compact(sent))
    assert raw[4][1::2] == raw[2][1::2]  # the very codes of another map
    assert sent == decode_transit(compact(sent))


VALUES: dict[str, tuple[str, Any]] = {
    "nil": ("null", None),
    "a boolean": ("true", True),
    "an escaped mark": ('"~~x"', "~x"),
    "an escaped code": ('"~^0"', "^0"),
    "a bare back-quote, as PHP sends": ('"`x"', "`x"),
    "an escaped back-quote": ('"~`x"', "`x"),
    "an integer as text": ('"~i1565276078922000095"', 1_565_276_078_922_000_095),
    "a negative integer as text": ('"~i-5"', -5),
    "a big integer": ('"~n9223372036854775807000"', 9_223_372_036_854_775_807_000),
    "a double as text": ('"~d1.5"', 1.5),
    "a decimal": ('"~f1.10000000000000000000000001"', Decimal("1.10000000000000000000000001")),
    "infinity": ('"~zINF"', math.inf),
    "minus infinity": ('"~z-INF"', -math.inf),
    "a keyword": ('"~:some/name"', "some/name"),
    "a symbol": ('"~$name"', "name"),
    "a character": ('"~cx"', "x"),
    "milliseconds": ('"~m-1"', datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    "tagged milliseconds": ('["~#m",1000]', datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
    "a date-time": (
        '"~t2020-01-13T21:25:03.123456789Z"',
        datetime(2020, 1, 13, 21, 25, 3, 123_456, tzinfo=UTC),
    ),
    "bytes": ('"~bAAEC/w=="', "AAEC/w=="),
    "a UUID": ('"~u531A379E-31BB-4CE1-8690-158DCEB64BE6"', "531a379e-31bb-4ce1-8690-158dceb64be6"),
    "a UUID in halves": (
        '["~#u",[5986979564177411297,-8750217313498576922]]',
        str(UUID(int=(5_986_979_564_177_411_297 << 64) + (2**64 - 8_750_217_313_498_576_922))),
    ),
    "a URI": ('"~rhttp://example.com"', "http://example.com"),
    "a list": ('["~#list",[1,2]]', [1, 2]),
    "a set": ('["~#set",["b","a"]]', ["b", "a"]),
    "a ratio that ends": ('["~#ratio",["~n1","~n8"]]', Decimal("0.125")),
    "a ratio that does not": ('["~#ratio",[1,3]]', 1 / 3),
    "a map with scalar keys": (
        '["~#cmap",[1,"a",1.5,"b",true,"c",null,"d"]]',
        {"1": "a", "1.5": "b", "true": "c", "null": "d"},
    ),
    "a map with a key of time": ('["^ ","~m0",1]', {"1970-01-01T00:00:00Z": 1}),
    "a map with a keyword key": (
        '["^ ","~:id",1,"~_",2,"~?t",3,"~i7",4]',
        {"id": 1, "null": 2, "true": 3, "7": 4},
    ),
    "a link": ('["~#link",["^ ","href","~rx"]]', {"href": "x"}),
    "an extension": ('["~#point",[1,2]]', [1, 2]),
    "a scalar extension": ('"~Xabc"', "abc"),
    "a quoted scalar": ('["~#\'",5]', 5),
    "a verbose tag": ('{"~#set":[1]}', [1]),
    "a verbose quote": ('{"~#\'":"x"}', "x"),
    "a verbose map": ('{"~:id":"~i1","name":{}}', {"id": 1, "name": {}}),
    "an array that begins with a keyword": ('["~:keyword","^0"]', ["keyword", "keyword"]),
    "an empty array": ("[]", []),
    "an empty map": ('["^ "]', {}),
    "an empty string": ('""', ""),
}


@pytest.mark.parametrize("case", VALUES)
def test_every_tag_has_its_value(case: str) -> None:
    """Each scalar and tag is read as documented. (W72)"""
    sent, expected = VALUES[case]
    found = decode_transit(f"[{sent}]".encode())
    assert ([expected], type(expected)) == (found, type(found[0]))


def test_not_a_number_is_a_float() -> None:
    """The special float NaN is read as one. (W72)"""
    assert math.isnan(decode_transit(b'["~zNaN"]')[0])


@pytest.mark.parametrize(
    "sent",
    [
        "[",
        '["^0"]',
        '["^ ","abcd",1,"^1",2]',
        '["^ ","id"]',
        '["^ ",["^ "],1]',
        '[1,"^ "]',
        '["~i1.5"]',
        '["~i"]',
        '["~i٣"]',
        '["~n1_0"]',
        '["~m1.5"]',
        '["~m999999999999999999"]',
        '["~tyesterday"]',
        '["~bA"]',
        '["~b!!!!"]',
        '["~u531a379e"]',
        '["~zNAN"]',
        '["~?x"]',
        '["~d1e400"]',
        '["~f1e99999"]',
        '["~fNaN"]',
        '["~"]',
        '[[1,"~#list"]]',
        '[["~#list"]]',
        '[["~#list",1,2]]',
        '[["~#list",1]]',
        '[["~#ratio",[1,0]]]',
        '[["~#cmap",[1]]]',
        '[["~#cmap",[[],1]]]',
        '[{"~#cmap":[1]}]',
        '[{"^0":1}]',
        '["^' + "x" * 10 + '"]',
        "[" * 400 + "]" * 400,
        '["~n' + "1" * 5_000 + '"]',
    ],
)
def test_what_is_not_transit_is_malformed(sent: str) -> None:
    """Unknown codes, odd maps, and scalars that are not what they say are refused. (W73)"""
    with pytest.raises(MalformedBody):
        decode_transit(sent.encode())


def test_references_cannot_make_a_small_body_huge() -> None:
    """What cache codes unfold to is bounded by the length of the body. (W74)"""
    long = "~:" + "x" * 10_000
    with pytest.raises(MalformedBody, match="too large"):
        decode_transit(json.dumps([long, *["^0"] * 10_000]).encode())
    assert 11 == len(decode_transit(json.dumps([long, *["^0"] * 10]).encode()))


MARKED = st.sampled_from(
    [
        "^ ",
        "^0",
        "^1",
        "^10",
        "~#list",
        "~#cmap",
        "~#set",
        "~#m",
        "~#u",
        "~#ratio",
        "~#'",
        "~:abcd",
        "~i1",
        "~m5",
    ]
) | st.text("~^`#:$imtzuf?_-0129. ", max_size=6)
GARBAGE = st.recursive(
    MARKED | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(MARKED, inner, max_size=2),
    max_leaves=30,
)


@given(GARBAGE.map(json.dumps).map(str.encode) | st.binary())
@example(b'{"~?":[]}')
def test_any_bytes_are_read_or_malformed(body: bytes) -> None:
    """Whatever is sent as Transit, the outcome is plain values or a refusal. (W73)"""
    try:
        found = decode_transit(body)
    except MalformedBody:
        return
    assert_plain(found)


def assert_plain(value: Any) -> None:
    """Hold that a value is made of what `records` promises."""
    if isinstance(value, dict):
        assert all(type(key) is str for key in value)
        for each in value.values():
            assert_plain(each)
    elif isinstance(value, list):
        for each in value:
            assert_plain(each)
    else:
        assert type(value) in {type(None), bool, int, float, Decimal, str, datetime}


@given(st.lists(GARBAGE, max_size=5))
def test_any_records_are_accepted_or_refused(values: list[Any]) -> None:
    """Transit goes through the same rules as JSON, and what is accepted can be read. (W75)"""
    record = ["^ ", "client_id", 5, "table_name", "t", "sequence", 1, "action", "upsert", "key_names", ["id"]]
    body = json.dumps([[*record, "data", ["^ ", "id", 1, "x", each]] for each in values]).encode()
    try:
        count = check_push(body, TRANSIT, 5)
    except Refusal:
        return
    assert count == sum(len(each.places) for each in read_push(body, TRANSIT)) == len(values)


def test_a_java_record_is_accepted() -> None:
    """What the Java client sends for an upsert and an activation is read as records. (W75)"""
    body = (
        b'[["^ ","action","upsert","client_id",5,"namespace",null,"table_name","t","table_version",0,'
        b'"key_names",["id"],"sequence","~i1565276078922000095","data",["^ ","id","~u531a379e-31bb-4ce1-8690-'
        b'158dceb64be6","at","~m0","items",["~#list",[1]]],"time_extracted","~m1"],'
        b'["^ ","^0","switch_view","^1",5,"^2",null,"^3","t","^4",0,"^6",2]]'
    )
    assert 2 == check_push(body, TRANSIT, 5)
    (found,) = read_push(body, TRANSIT)
    data = {
        "id": "531a379e-31bb-4ce1-8690-158dceb64be6",
        "at": datetime(1970, 1, 1, tzinfo=UTC),
        "items": [1],
    }
    assert ([data], True) == (found.data, found.activates)
    assert (["1970-01-01T00:00:00.001Z"], [1_565_276_078_922_000_095]) == (found.extracted, found.sequences)


def test_data_as_an_empty_array_is_not_an_object() -> None:
    """PHP writes an empty map as an empty array, which is no `data`. (W75)"""
    body = (
        b'[["^ ","client_id",5,"table_name","t","sequence",1,"action","upsert","key_names",["id"],"data",[]]]'
    )
    with pytest.raises(Refusal) as caught:
        check_push(body, TRANSIT, 5)
    assert [{"data": ["can't be blank"]}] == getattr(caught.value, "reasons", None)


PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(["", "x", "text", "a b", "é"])
)
LOOK_ALIKE = st.fixed_dictionaries(
    {
        "client_id": st.just(5) | st.just(5) | st.just(5) | PLAIN,
        "table_name": st.sampled_from("tu"),
        "sequence": st.integers(0, 2**53) | st.sampled_from([1.0, 1.5, "1", True]),
        "action": st.sampled_from(["upsert", "upsert", "upsert", "upsert", "switch_view", "x"]),
    },
    optional={
        "key_names": st.just(["id"]) | st.just(["id"]) | PLAIN | st.lists(PLAIN, max_size=2),
        "data": st.fixed_dictionaries({"id": PLAIN, "column": PLAIN | st.lists(PLAIN, max_size=2)}) | PLAIN,
        "table_version": PLAIN,
        "namespace": st.none() | PLAIN,
        "time_extracted": st.just("2020-01-01T00:00:00Z") | PLAIN,
        "bookmark_names": st.none() | st.lists(PLAIN, max_size=2),
        "extra": PLAIN,
    },
)


@given(st.lists(LOOK_ALIKE, min_size=1, max_size=5) | LOOK_ALIKE.map(lambda record: [record] * 4))
def test_transit_and_json_of_the_same_records_have_one_outcome(records: list[dict[str, Any]]) -> None:
    """The same records are accepted or refused alike, and read as the same batches. (W75)"""
    assert outcome(json.dumps(records).encode(), JSON) == outcome(compact(records), TRANSIT)


def outcome(body: bytes, media_type: str) -> tuple[int, list[Batch] | Answer]:
    """Return what becomes of a push body: a count and its batches, or the answer of its refusal."""
    try:
        return check_push(body, media_type, 5), read_push(body, media_type)
    except Refusal as refusal:
        return 0, refusal_answer(refusal)


SOUND: dict[str, Any] = {
    "client_id": 5,
    "table_name": "t",
    "sequence": 1,
    "action": "upsert",
    "key_names": ["id"],
    "data": {"id": "a", "at": None, "n": 1.5},
    "table_version": 3,
    "bookmark_names": ["at"],
    "time_extracted": "2020-01-01T00:00:00Z",
}
IN_DATA = [None, "", "x" * 1_024, "x" * 1_025, True, 2**70, [], [1], {}, {"a": 1}, "[{", "\n~x", "a^0"]
ODD: dict[str, list[Any]] = {
    "client_id": [6, 2**70, True, None, "5"],
    "table_name": ["", " ", "u", None, 1],
    "sequence": [0, -(2**63), 2**63 - 1, 2**63, -(2**63) - 1, 2**70, True, None],
    "action": ["switch_view", "activate_version", "delete", None],
    "key_names": [["at"], ["id", "n"], [], None, [1], ["missing"], [None], [["id"]], "id", [""], True],
    "table_version": [None, 2**63, 0, True, "3"],
    "bookmark_names": [None, [], [1], "at"],
    "time_extracted": [None, 1, "yesterday"],
    "data": [
        *(None, {}, [], "x", {"id": 1}, {"at": 1, "id": 2, "n": 3}),
        *(SOUND["data"] | {name: each} for name in ("id", "at") for each in IN_DATA),
    ],
}
ODD_FIELDS = [(name, value) for name, values in ODD.items() for value in values]


@example([(("key_names", True), {0, 1, 2, 3, 4})])
@example([(("key_names", "id"), {0, 1, 2, 3, 4}), (("data", {"i": 1, "d": 2}), {0, 1, 2, 3, 4})])
@given(st.lists(st.tuples(st.sampled_from(ODD_FIELDS), st.sets(st.integers(0, 4), min_size=1)), max_size=2))
def test_alike_records_of_which_some_are_odd_have_the_outcome_of_json(
    odd: list[tuple[tuple[str, Any], set[int]]],
) -> None:
    """What is looked at in columns is accepted and refused as record by record. (W75)"""
    records = [dict(SOUND, sequence=number) for number in range(5)]
    for (name, value), places in odd:
        for place in places:
            records[place][name] = value
    assert outcome(json.dumps(records).encode(), JSON) == outcome(compact(records), TRANSIT)


def test_an_unknown_action_of_many_alike_records_is_refused() -> None:
    """Records read in columns are held to the rules of each. (W75)"""
    record = {"client_id": 5, "table_name": "t", "sequence": 1, "action": "delete", "table_version": 1}
    with pytest.raises(RecordsRefused):
        check_push(compact([record] * 4), TRANSIT, 5)
