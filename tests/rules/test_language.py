"""The rule language: what it reads, what it refuses and where, and that it agrees with Lava's own parser."""

from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurotrain_hw.errors import RuleSyntaxError, ValueRangeError
from neurotrain_hw.rules import WIDTH_BITS, Factor, Product, SumOfProducts, parse_sum


def test_pair_stdp_reads_as_two_products() -> None:
    assert parse_sum("2^-2*x1*y0 - 2^-2*y1*x0") == SumOfProducts(
        (Product("y0", None, 1, -2, (Factor("x1"),)), Product("x0", None, -1, -2, (Factor("y1"),)))
    )


def test_the_first_gate_is_the_dependency_and_later_ones_are_factors() -> None:
    (product,) = parse_sum("6*2^-2*x0*y0*x1").products
    assert (product.dependency, product.factors) == ("x0", (Factor("y0"), Factor("x1")))
    (product,) = parse_sum("u3*x0*w").products
    assert (product.dependency, product.u, product.factors) == ("u", 3, (Factor("x0"), Factor("w")))


def test_a_constant_may_stand_on_either_side() -> None:
    assert parse_sum("y0*(56-d)") == parse_sum("-y0*(d-56)") == parse_sum("y0*(-d+56)")
    assert parse_sum("x0*(81+x2)").products[0].factors == (Factor("x2", 81),)
    assert parse_sum("x0*(w+3*2^4)").products[0].factors == (Factor("w", 48),)
    assert parse_sum("x0*sgn(w-46)").products[0].factors == (Factor("w", -46, sign_of=True),)


@pytest.mark.parametrize(
    ("text", "mant", "exp"),
    [
        ("x0", 1, 0),
        ("16*2^-3*x0", 4, -1),
        ("-64*2^-6*x0", -4, -2),
        ("8*x0", 4, 1),
        ("-8*2^8*x0", -8, 8),
        ("7*2^8*x0", 7, 8),
        ("3*2*2^-7*x0", 6, -7),
        ("(-2) * 2 ^ -3*x0", -2, -3),
        ("0*x0", 0, 0),
    ],
)
def test_literals_fold_into_four_bit_mantissa_and_exponent(text: str, mant: int, exp: int) -> None:
    (product,) = parse_sum(text).products
    assert (product.mant, product.exp) == (mant, exp)


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("x0*(2*x1)", 6),
        ("x0**2", 3),
        ("u10*w", 0),
        ("u0*x1 + u*w", 8),
        ("0.5*x1*y0", 1),
        ("x0*w/2", 4),
        ("X0*y1", 0),
        ("x1*2", 0),
        ("2^-2", 0),
        ("y0*x1 + w", 8),
        ("", 0),
        ("x0*u0*w", 3),
        ("u0*u0*w", 3),
        ("u0*w + u1*d", 7),
        ("x0*(-w)", 3),
        ("x0*(x0)", 3),
        ("x0*(w*2)", 5),
        ("x0*(w+2*x1)", 8),
        ("x0*(w+2+3)", 7),
        ("x0*(w+d)", 6),
        ("x0*(w+2^-1)", 6),
        ("x0*(w+2", 3),
        ("x0*w)", 4),
        ("(x0*y1 + y0*x1)", 3),
        ("x0*sgn(x1)", 7),
        ("x0*sgn(-w)", 7),
        ("x0*sgn w", 7),
        ("x0*-2*w", 3),
        ("--x0*w", 1),
        ("x0*w*", 5),
        ("*x0*w", 0),
        ("2x0", 1),
        ("x0 w", 3),
        ("x 0*w", 0),
        ("x0^2", 2),
        ("3^2*x0", 0),
        ("x0*2^w", 5),
        ("02*x0", 0),
        ("x0*9", 0),
        ("y0 + x0*2^9", 5),
        ("8*2^8*x0", 0),
        ("x0\t*w", 2),
        ("x0*y4", 3),
        ("__import__('os')", 11),
    ],
)
def test_everything_else_is_refused_where_the_fault_is(text: str, column: int) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse_sum(text)
    assert caught.value.position == column
    assert f"column {column + 1}" in str(caught.value)


def test_the_engines_shift_follows_from_the_widths_of_the_factors() -> None:
    """reference/lava.md 3.4: one trace 0, two traces 3, trace*w 5, two traces*w 12, three traces 10."""
    shifts = {"x0*x1": 0, "x0*w": 0, "x0*x1*y1": 3, "x0*x1*w": 5, "x0*x1*y1*w": 12, "x0*x1*y1*y2": 10}
    assert {text: parse_sum(text).products[0].shift for text in shifts} == shifts


@given(st.integers(0, 2**32))
def test_the_canonical_text_reads_back_as_the_same_sum(seed: int) -> None:
    text = _random_text(random.Random(seed))
    try:
        meant = parse_sum(text)
    except RuleSyntaxError:
        return
    assert parse_sum(str(meant)) == meant
    assert str(parse_sum(str(meant))) == str(meant)


_FACTORS = st.one_of(
    st.builds(Factor, st.sampled_from(sorted(WIDTH_BITS)), st.just(0)),
    st.builds(Factor, st.sampled_from(sorted(WIDTH_BITS)), st.integers(-1023, 1023)),
    st.builds(Factor, st.sampled_from("wdt"), st.integers(-1023, 1023), st.just(True)),
)


@st.composite
def _sums(draw: st.DrawFn) -> SumOfProducts:
    u = draw(st.integers(0, 9))
    products = []
    for dependency in draw(st.lists(st.sampled_from(["x0", "y0", "u"]), min_size=1, max_size=5)):
        exp = draw(st.integers(-7, 8))
        mant = draw(st.integers(-8 if exp == 8 else -7, 7))
        factors = tuple(draw(st.lists(_FACTORS, max_size=4)))
        products.append(Product(dependency, u if dependency == "u" else None, mant, exp, factors))  # type: ignore[arg-type]
    return SumOfProducts(tuple(products))


@given(_sums())
def test_what_is_printed_reads_back_as_what_was_printed(meant: SumOfProducts) -> None:
    assert parse_sum(str(meant)) == meant
    assert parse_sum(str(meant).replace(" ", "\n "), lines=True) == meant


@pytest.mark.parametrize(
    "build",
    [
        lambda: Factor("y4"),  # type: ignore[arg-type]
        lambda: Factor("w", 1024),
        lambda: Factor("x1", 0, sign_of=True),
        lambda: Product("x0", 3, 1, 0, ()),
        lambda: Product("u", None, 1, 0, ()),
        lambda: Product("u", 10, 1, 0, ()),
        lambda: Product("w", None, 1, 0, ()),  # type: ignore[arg-type]
        lambda: Product("x0", None, 8, 0, ()),
        lambda: Product("x0", None, -8, 0, ()),
        lambda: Product("x0", None, 1, 9, ()),
        lambda: SumOfProducts(()),
        lambda: SumOfProducts((Product("u", 0, 1, 0, ()), Product("u", 1, 1, 0, ()))),
    ],
)
def test_what_the_language_cannot_say_cannot_be_built(build: Callable[[], object]) -> None:
    with pytest.raises(ValueRangeError):
        build()


def test_a_fault_on_a_later_line_is_shown_there() -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse_sum("2^-2*y0*x1\n  - x0*(2*y1)", lines=True)
    assert (caught.value.line, caught.value.column) == (2, 11)
    assert str(caught.value).splitlines()[:3] == [
        "in parentheses only a power of two may follow '*' at line 2, column 11", "    - x0*(2*y1)", "            ^",
    ]  # fmt: skip
    with pytest.raises(RuleSyntaxError, match="only a rule file may spread it"):
        parse_sum("x0*w\n+ y0")


MISREAD = {
    "x0*(2*x1)": "x0*(x1+2)",
    "x0**2": "2*x0",
    "u10*w": "0*u1*w",
    "x0*(-w)": "x0*w",
    "y0*(x0)": "y0",
    "x0*(w+2+3)": "x0*(w+2)",
    "x0*(w+2*x1)": "x0*(w+2)",
    "x0*(y1*3)": "x0*(y1+3)",
    "x0w*y3": "x0*w*y3",
    "x0*w 2": "2*x0*w",
    "*y0*x1": "y0*x1",
    "x02*w": "2*x0*w",
}
"""What Lava makes of texts that we refuse; the page of the rule language shows them."""


@pytest.mark.parametrize("text", MISREAD)
def test_what_lava_misreads_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse_sum(text)
    assert caught.value.remedy or "cannot stand here" in caught.value.what


def test_lava_does_misread_it(lava_python: Path) -> None:
    lava = _read_with_lava(lava_python, list(MISREAD))
    assert dict(zip(MISREAD, lava, strict=True)) == {k: _ours(v) for k, v in MISREAD.items()}


def test_the_page_of_the_language_shows_what_lava_misreads() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/reference/rule-language.md").read_text(encoding="utf-8")
    assert all(f"| `{text}` | `{read}` |" in page for text, read in MISREAD.items())


def test_lava_reads_the_same_in_whatever_we_accept(lava_python: Path) -> None:
    """Rules with pieces added, taken away and exchanged: most are faulty, and those that we accept mean one thing."""
    rng = random.Random(3)
    texts = [_damaged(rng, _random_text(rng)) for _ in range(3000)]
    accepted = [text for text in texts if _ours(text) is not None]
    assert len(accepted) > 100
    assert _read_with_lava(lava_python, accepted) == [_ours(text) for text in accepted]


@given(st.text(alphabet="xyuwdtsgn0123*^+-() .", max_size=24))
def test_any_text_is_read_or_refused_within_its_length(text: str) -> None:
    try:
        parse_sum(text)
    except RuleSyntaxError as error:
        assert 0 <= error.position <= len(text)


def test_lava_reads_the_same_in_random_rules(lava_python: Path) -> None:
    rng = random.Random(7)
    texts = [_random_text(rng) for _ in range(600)]
    lava = _read_with_lava(lava_python, texts)
    ours = [_ours(text) for text in texts]
    assert [t for t, a, b in zip(texts, ours, lava, strict=True) if a != b] == []
    assert sum(o is not None for o in ours) > 300
    canonical = [str(parse_sum(t)) for t, o in zip(texts, ours, strict=True) if o is not None]
    assert _read_with_lava(lava_python, canonical) == [_ours(t) for t in canonical]


def test_lava_reads_the_same_in_every_recorded_rule(lava_python: Path, shared: Path) -> None:
    texts = []
    for path in sorted((shared / "golden" / "lava").glob("learn*.npz")):
        case = json.loads(str(np.load(path, allow_pickle=False)["case"]))
        rules = [c["learning"] for c in case["connections"] if "learning" in c]
        texts += [rule[k] for rule in rules for k in ("dw", "dd", "dt") if rule.get(k)]
    assert len(texts) > 30
    assert [_ours(t) for t in texts] == _read_with_lava(lava_python, texts)


def _damaged(rng: random.Random, text: str) -> str:
    """The text with one to three pieces added, taken away or exchanged."""
    pieces = re.findall(r"sgn\(|[a-z]+\d*|\d+|.", text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(pieces))
        pieces[at : at + rng.randint(0, 1)] = rng.choice(
            [[], [rng.choice(["x0", "w", "(", ")", "*", "-", "2^", "3", "u1"])]]
        )
        pieces = pieces or ["x0"]
    return "".join(pieces)


def _random_text(rng: random.Random) -> str:
    """A text of the grammar; its scale may lie outside 4 bits, its u may differ: both parsers refuse that."""
    u = rng.randrange(10)
    products = [_random_product(rng, u if rng.random() < 0.95 else rng.randrange(10)) for _ in range(rng.randint(1, 4))]
    text = rng.choice(["", "", "-", "+ "]) + products[0]
    for product in products[1:]:
        text += rng.choice([" + ", "-", " - ", "+"]) + product
    return text


def _random_product(rng: random.Random, u: int) -> str:
    factors = [_random_factor(rng) for _ in range(rng.randint(0, 4))]
    gate = rng.choice(["x0", "y0", f"u{u}"])
    if rng.random() < 0.2:
        factors.insert(0, rng.choice(["x0", "y0"]))
        # u must stand before any other gate
        factors.insert(0, gate)
    else:
        factors.insert(rng.randrange(len(factors) + 1), gate)
    for _ in range(rng.randint(0, 2)):
        literal = _random_literal(rng)
        factors.insert(
            rng.randrange(len(factors) + 1), rng.choice([literal, literal, f"({rng.choice('+-')}{literal})"])
        )
    return rng.choice(["*", " * "]).join(factors)


def _random_factor(rng: random.Random) -> str:
    name = rng.choice(["x1", "x2", "y1", "y2", "y3", "w", "d", "t"])
    constant = rng.choice(
        [str(rng.randint(0, 130)), f"2^{rng.randint(0, 6)}", f"{rng.randint(1, 7)}*2^+{rng.randint(0, 4)}"]
    )
    sign, other = rng.choice("+-"), rng.choice(["", "", "+", "-"])
    kind = rng.random()
    if kind < 0.4:
        return name
    if kind < 0.6:
        return f"({other}{name}{sign}{constant})"
    if kind < 0.8:
        return f"({other}{constant} {sign} {name})"
    return f"sgn({rng.choice('wdt')}{rng.choice(['', sign + constant])})"


def _random_literal(rng: random.Random) -> str:
    power = f"2^{rng.choice(['', '-', '+'])}{rng.randint(0, 8)}"
    return rng.choice([power, str(rng.randint(0, 20)), f"{rng.choice([1, 2, 3, 5, 6, 7, 8, 12, 16, 64])}*{power}"])


def _ours(text: str) -> list[list[object]] | None:
    try:
        products = parse_sum(text).products
    except RuleSyntaxError:
        return None
    return [
        [p.dependency, p.u, p.mant, p.exp, [[f.variable, f.constant, f.sign_of] for f in p.factors]] for p in products
    ]


_LAVA_SCRIPT = """
import json, sys
from lava.magma.core.learning.symbolic_equation import SymbolicEquation
from lava.magma.core.learning.product_series import ProductSeries
def read(text):
    try:
        products = ProductSeries(SymbolicEquation("dw", text)).products
    except (ValueError, AttributeError):
        return None
    return [[p.dependency, p.decimate_exponent, p.s_mantissa, p.s_exp - 7,
             [[f.state_var, f.const or 0, f.is_sgn] for f in p.factors]] for p in products]
print(json.dumps([read(text) for text in json.load(sys.stdin)]))
"""


def _read_with_lava(python: Path, texts: list[str]) -> list[list[list[object]] | None]:
    done = subprocess.run(
        [str(python), "-W", "ignore", "-c", _LAVA_SCRIPT],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: list[list[list[object]] | None] = json.loads(done.stdout.splitlines()[-1])
    return answer
