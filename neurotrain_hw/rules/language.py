"""The rule language: sums of products in Lava's notation, `2^-2*y0*x1 - 2^-2*x0*y1`, read without evaluating text.

    sum      := ['+'|'-'] product (('+'|'-') product)*
    product  := factor ('*' factor)*
    factor   := literal | '(' ['+'|'-'] literal ')'
              | x0 | y0 | u<digit> | x1 | x2 | y1 | y2 | y3 | w | d | t
              | '(' ['+'|'-'] name ('+'|'-') literal ')' | '(' ['+'|'-'] literal ('+'|'-') name ')'
              | 'sgn(' (w | d | t) [('+'|'-') literal] ')'
    literal  := int | [int '*'] '2^' ['+'|'-'] int

Spaces may stand between tokens, and line breaks where a rule file spreads a sum over lines. The first of x0, y0,
u<digit> in a product is its dependency; a later x0 or y0 is a 1-bit factor; u<digit> may only be the first, and all of
a sum have the same digit. The literals of a product fold into one scale mant * 2^exp. What is accepted means here
what it means in Lava 0.10.0 (symbolic_equation.py, product_series.py); what Lava misreads (`x0*(2*x1)`, `x0**2`,
`u10*w`, `(-w)`, `x0 w`) is refused with its position and the reason. `str` of what was read is the canonical text,
which reads back as the same.
"""

from __future__ import annotations

import re
from typing import NoReturn, TypeGuard

from neurotrain_hw.errors import RuleSyntaxError
from neurotrain_hw.rules.sums import (
    CONSTANT_LIMIT,
    EXP_RANGE,
    MANT_RANGE,
    WIDTH_BITS,
    Dependency,
    Factor,
    Product,
    SumOfProducts,
    Variable,
)
from neurotrain_hw.rules.tokens import Token, tokens_of

__all__ = ["Factor", "Product", "SumOfProducts", "parse_sum"]


def parse_sum(text: str, *, where: str = "", lines: bool = False) -> SumOfProducts:
    """Read a sum of products; RuleSyntaxError points at the first fault, and names `where` (such as a file).

    `lines`: the text may be spread over several lines.
    """
    return _Parser(text, where, lines).sum()


_NAMES = "x0 y0 u0..u9 x1 x2 y1 y2 y3 w d t"
_IN_PARENTHESES = "In parentheses stand one name and one number, as in (w-5); Lava drops or misreads all else."


class _Parser:
    """One pass over the tokens, top-down."""

    def __init__(self, text: str, where: str, lines: bool) -> None:
        self.text, self.where = text, where
        self.tokens = list(tokens_of(text, where=where, lines=lines))
        self.next = 0
        self.u: int | None = None

    def sum(self) -> SumOfProducts:
        products = [self._product(self._optional_sign())]
        while self._peek().kind == "sign":
            products.append(self._product(self._optional_sign()))
        return SumOfProducts(tuple(products))

    def _product(self, sign: int) -> Product:
        start = self._peek().at
        draft = _Draft(sign)
        self._factor(draft)
        while self._peek().text == "*":
            self._take()
            if self._peek().text == "*":
                self._fail("'**' is no operator",
                           remedy="Lava skips the second '*'. Write a power as a product: x1*x1.")  # fmt: skip
            self._factor(draft)
        if self._peek().kind not in ("sign", "end"):
            self._unexpected()
        if draft.dependency is None:
            self._fail("this product has no dependency", at=start, remedy="Multiply it by x0, y0 or u0.")
        mant, exp = self._fold(draft, start)
        return Product(draft.dependency, draft.u, mant, exp, tuple(draft.factors))

    def _factor(self, draft: _Draft) -> None:
        token = self._take()
        if token.kind == "int":
            mant, exp = self._power(token)
            draft.scale(mant, exp)
        elif token.text == "(":
            self._bracket(draft, token.at)
        elif token.text == "sgn":
            draft.factors.append(self._sgn())
        elif token.kind == "name":
            self._named(draft, token)
        elif token.kind == "end":
            self._fail("a factor is missing", at=token.at)
        elif token.kind == "sign":
            self._fail("a sign cannot stand here", at=token.at, remedy="Put the sign in front of the product.")
        else:
            self._fail(f"'{token.text}' cannot stand here", at=token.at)

    def _named(self, draft: _Draft, token: Token) -> None:
        k = self._decimation(token)
        if k is not None:
            self._gate_u(draft, k, token.at)
            return
        variable = self._variable(token)
        if variable in ("x0", "y0") and draft.dependency is None:
            draft.dependency = variable
        else:
            draft.factors.append(Factor(variable))

    def _gate_u(self, draft: _Draft, k: int, at: int) -> None:
        if draft.dependency is not None:
            self._fail("u must come before x0 and y0, and only once", at=at, remedy="Write u0*x0*w, not x0*u0*w.")
        if self.u not in (None, k):
            self._fail(f"u{self.u} and u{k} stand in one sum", at=at, remedy="All u of a rule need the same digit.")
        self.u = draft.u = k
        draft.dependency = "u"

    def _bracket(self, draft: _Draft, at: int) -> None:
        """After '(': a signed literal, or a variable and a constant in either order."""
        sign = self._optional_sign()
        token = self._take()
        if token.kind == "int":
            mant, exp = self._literal(token)
            if self._peek().text == ")":
                self._take()
                draft.scale(sign * mant, exp)
                return
            constant = sign * self._constant(mant, exp, token.at)
            of_variable = self._between_signs(at)
            variable = self._variable(self._take())
        else:
            of_variable, variable = sign, self._variable(token)
            if self._peek().text == ")":
                self._fail("a lone name needs no parentheses", at=at,
                           remedy=f"Lava loses its sign, or all of x0. Write {variable} without them.")  # fmt: skip
            constant = self._between_signs(at) * self._literal_constant()
        self._close(at)
        # -w + c is read as -(w - c), so that the factor itself stays variable + constant
        draft.scale(of_variable, 0)
        draft.factors.append(Factor(variable, of_variable * constant))

    def _sgn(self) -> Factor:
        at = self._peek().at
        if self._take().text != "(":
            self._fail("'(' is missing after sgn", at=at)
        variable = self._variable(self._take())
        if variable not in ("w", "d", "t"):
            self._fail(f"sgn() of {variable}", at=at + 1, remedy="sgn() takes w, d or t, with or without a constant.")
        constant = self._optional_sign() * self._literal_constant() if self._peek().kind == "sign" else 0
        self._close(at)
        return Factor(variable, constant, sign_of=True)

    def _literal_constant(self) -> int:
        token = self._take()
        if token.kind != "int":
            self._fail("a whole number is missing", at=token.at, remedy=_IN_PARENTHESES)
        return self._constant(*self._literal(token), token.at)

    def _constant(self, mant: int, exp: int, at: int) -> int:
        size = mant << exp if 0 <= exp <= 10 else (mant >> -exp if -10 <= exp < 0 else None)
        if size is None or abs(size) > CONSTANT_LIMIT or (exp < 0 and size << -exp != mant):
            self._fail("an added constant must be a whole number of at most 1023", at=at)
        return size

    def _literal(self, first: Token) -> tuple[int, int]:
        """In parentheses: int | [int '*'] 2^int as (mant, exp)."""
        if self._peek().text != "*":
            return self._power(first)
        self._take()
        token = self._take()
        if token.text != "2" or self._peek().text != "^":
            self._fail("in parentheses only a power of two may follow '*'", at=token.at,
                       remedy="Lava adds the two. Multiply outside the parentheses.")  # fmt: skip
        return self._int(first), self._power(token)[1]

    def _power(self, first: Token) -> tuple[int, int]:
        """int | 2^int as (mant, exp)."""
        if self._peek().text != "^":
            return self._int(first), 0
        if first.text != "2":
            self._fail(f"a power of {first.text}", at=first.at, remedy="Only 2 can be raised to a power.")
        self._take()
        sign = self._optional_sign()
        token = self._take()
        if token.kind != "int":
            self._fail("the exponent is missing", at=token.at, remedy="It is a whole number: 2^-3.")
        return 1, sign * self._int(token)

    def _int(self, token: Token) -> int:
        if len(token.text) > 9 or (len(token.text) > 1 and token.text[0] == "0"):
            self._fail("this number has leading zeros or more than 9 digits", at=token.at)
        return int(token.text)

    def _fold(self, draft: _Draft, start: int) -> tuple[int, int]:
        """mant * 2^exp in 4 and 4 bits, as Lava folds it: halve an even |mant| > 7 while exp < 8."""
        mant, exp = draft.mant, draft.exp
        while abs(mant) > 7 and mant % 2 == 0 and exp < 8:
            mant, exp = mant // 2, exp + 1
        if not MANT_RANGE[0] <= mant <= MANT_RANGE[1]:
            self._fail(f"the scale {draft.mant}*2^{draft.exp} has a mantissa of {mant}", at=start,
                       remedy="It must fold to -8..7 times a power of two.")  # fmt: skip
        if not EXP_RANGE[0] <= exp <= EXP_RANGE[1]:
            self._fail(f"the scale {draft.mant}*2^{draft.exp} has an exponent of {exp}", at=start,
                       remedy="It must lie in -7..8; move powers of two into the mantissa or the traces.")  # fmt: skip
        return mant, exp

    def _decimation(self, token: Token) -> int | None:
        """k of a u_k, None for any other name."""
        if re.fullmatch(r"u[0-9]", token.text):
            return int(token.text[1])
        if re.fullmatch(r"u[0-9]*", token.text):
            self._fail(f"'{token.text}' is no gate", at=token.at,
                       remedy="Lava takes one digit and multiplies by the others. Write u0 to u9.")  # fmt: skip
        return None

    def _variable(self, token: Token) -> Variable:
        if token.kind != "name":
            self._fail("a name is missing", at=token.at, remedy=f"Names: {_NAMES}.")
        if not _is_variable(token.text):
            known = token.text.lower()
            near = f"Write {known}." if known in WIDTH_BITS else f"Names: {_NAMES}."
            self._fail(f"'{token.text}' is unknown here", at=token.at, remedy=near)
        return token.text

    def _between_signs(self, at: int) -> int:
        token = self._peek()
        if token.kind != "sign":
            self._fail("'+' or '-' is missing", at=token.at if token.kind != "end" else at,
                       remedy=_IN_PARENTHESES)  # fmt: skip
        return self._optional_sign()

    def _close(self, at: int) -> None:
        token = self._take()
        if token.kind == "end":
            self._fail("this parenthesis is not closed", at=at)
        if token.text != ")":
            self._fail(f"')' is missing before '{token.text}'", at=token.at,
                       remedy=_IN_PARENTHESES)  # fmt: skip

    def _unexpected(self) -> NoReturn:
        token = self._peek()
        if token.text == ")":
            self._fail("this parenthesis was never opened", at=token.at)
        if token.text == "^":
            self._fail("only 2 can be raised to a power", at=token.at, remedy="Write x1*x1 for a square.")
        self._fail("'*', '+' or '-' is missing", at=token.at, remedy="Lava multiplies without saying so. Write '*'.")

    def _optional_sign(self) -> int:
        if self._peek().kind != "sign":
            return 1
        return -1 if self._take().text == "-" else 1

    def _peek(self) -> Token:
        return self.tokens[self.next]

    def _take(self) -> Token:
        token = self.tokens[self.next]
        if token.kind != "end":
            self.next += 1
        return token

    def _fail(self, what: str, *, at: int | None = None, remedy: str = "") -> NoReturn:
        position = self._peek().at if at is None else at
        raise RuleSyntaxError(what, text=self.text, position=position, where=self.where, remedy=remedy)


class _Draft:
    """A product while it is read."""

    def __init__(self, sign: int) -> None:
        self.dependency: Dependency | None = None
        self.u: int | None = None
        self.mant, self.exp = sign, 0
        self.factors: list[Factor] = []

    def scale(self, mant: int, exp: int) -> None:
        self.mant *= mant
        self.exp += exp


def _is_variable(text: str) -> TypeGuard[Variable]:
    return text in WIDTH_BITS
