"""The ways to break src/, one token at a time. tools/mutate.py runs them."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
LISTED = ROOT / "tools" / "mutants.md"

# fastloss.h and the lists hold declarations only. A hint to the cache is no part of any result, nor is how
# long a thread spins, which benchmarks/in_company.py measures.
NOT_BROKEN = {"src/fastloss.h", "src/elementwise/list.h", "src/rows/list.h"}
HINTS = ("prefetch_next", "next_logits", "prefetch", "prefetch_write", "spin")
TIMES = {("src/pool.c", "")}  # file and function: the constants above all functions

PAIRS = {
    "+": ["-"],
    "-": ["+"],
    "*": ["/"],
    "/": ["*"],
    "%": ["/"],
    "<<": [">>"],
    ">>": ["<<"],
    "+=": ["-="],
    "-=": ["+="],
    "*=": ["/="],
    "/=": ["*="],
    "|=": ["&="],
    "&": ["|"],
    "|": ["&"],
    "&&": ["||"],
    "||": ["&&"],
    "<": ["<=", ">="],
    "<=": ["<", ">"],
    ">": [">=", "<="],
    ">=": [">", "<"],
    "==": ["!="],
    "!=": ["=="],
}
BINARY = re.compile(rf"(?<=[\w)\]]) ({'|'.join(map(re.escape, sorted(PAIRS, key=len, reverse=True)))})(?=\s)")
NUMBER = re.compile(r"(?<![\w.])(?:0x[\da-f]+(?:p-?\d+)?|\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?=[uf]?\b)")
NAME = r"[\w.>\[\]-]+"
OPERAND = r"((?:->|[^=?:;,<>()])+)"
CLIP = re.compile(
    rf"(?<![^ (]){OPERAND} ([<>]=?) {OPERAND} \? (?:\1 : \3|\3 : \1)(?=[;,)])|"
    rf"if \(({NAME}) ([<>]=?) ({NAME})\) (?:\4 = \6|\6 = \4);"
)
SIGN = re.compile(r"(?:(?<=[(,=?:{] )|(?<=\()|(?<=return ))-(?=[\w(])")
NOT = re.compile(r"[!~](?=[\w(])")
STEP = re.compile(r"(?:\+\+|--)(?=;)")
# Names that say how many, at the end of a condition or as an argument.
COUNT = (
    r"(?:n|m|rest|whole|rows|chunks|columns|span->n|cursor->n|cursor->chunks|cursor\.chunks|"
    r"cursor\.rows|LANES)"
)
LIMIT = re.compile(rf"(?<=[<=] ){COUNT}(?=;| &&)|(?<=, ){COUNT}(?=[,)])")
DECLARATION = re.compile(
    r"\s*(?:for \()?(?!return|else|case|goto)(?:const |static |struct )*[A-Za-z]\w* "
    r"\*?(?:const )?\w+[\[,;= ]"
)


@dataclass(frozen=True)
class Mutant:
    file: str
    function: str
    line: int
    code: str  # the line as it stands
    broken: str
    start: int  # of the token in the file
    end: int
    before: str
    after: str
    id: str  # of all that does not move when the file is edited elsewhere

    def __str__(self) -> str:
        return f"{self.id} {self.file}:{self.line} {self.function}: `{self.before}` -> `{self.after}`"

    def write(self, tree: Path) -> None:
        text = (ROOT / self.file).read_text()
        (tree / self.file).write_text(text[: self.start] + self.after + text[self.end :])


def every_mutant() -> list[Mutant]:
    files = sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "src").rglob("*.[ch]"))
    return [m for file in files if file not in NOT_BROKEN for m in mutants_of(file)]


def listed() -> set[str]:
    """The ids in tools/mutants.md."""
    return set(re.findall(r"(?m)^- `([0-9a-f]{8})`", LISTED.read_text()))


def mutants_of(file: str) -> list[Mutant]:
    text = (ROOT / file).read_text()
    code = code_of(text)
    functions = [(m.start(), m[1]) for m in re.finditer(r"^[A-Za-z][^\n;={}]*?\b(\w+)\([^;]*?\{", code, re.M)]
    left_out, found, seen = sizes(code), [], Counter[str]()
    for start, end, after in sorted(changes(code)):
        function = ([""] + [name for at, name in functions if at <= start])[-1]
        if start in left_out or function in HINTS or (file, function) in TIMES:
            continue
        head, tail = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        line, before = text[head:tail].strip(), text[start:end]
        key = "|".join([file, function, line, str(len(text[head:start].lstrip())), before, after])
        seen[key] += 1
        ident = hashlib.sha1(f"{key}|{seen[key]}".encode()).hexdigest()[:8]
        broken = (text[head:start] + after + text[end:tail]).strip()
        number = text.count("\n", 0, start) + 1
        found.append(Mutant(file, function, number, line, broken, start, end, before, after, ident))
    return found


def code_of(text: str) -> str:
    """The text, blank where it is not code: comments, strings, directives up to what a #define stands for."""

    def blank(m: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", m[0])

    text = re.sub(r"/\*.*?\*/|\"(?:\\.|[^\"\n])*\"|'(?:\\.|[^'\n])'", blank, text, flags=re.S)
    text = re.sub(r"(?m)^#(?!define).*$|^#define \w+(?:\([^)]*\))?|\\$", blank, text)
    return re.sub(rf"\b(?:__builtin_prefetch|{'|'.join(HINTS)})\([^;{{]*;", blank, text)


def sizes(code: str) -> set[int]:
    """Where the sizes of declared arrays stand: a larger one changes nothing, a smaller one is undefined."""
    found: set[int] = set()
    for statement in re.finditer(r"[^;{}]+", code):
        names = statement[0].partition("=")[0].removeprefix("for (")
        if not DECLARATION.match(statement[0]) or "(" in names:
            continue
        depth, given = 0, False
        for at, c in enumerate(statement[0], statement.start()):
            depth += (c in "([") - (c in ")]")
            given = (given or c == "=") and not (c == "," and depth == 0)
            if depth and not given:
                found.add(at)
    return found


def changes(code: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and replacement."""
    clips = {m.start(2) if m[2] else m.start(5) for m in CLIP.finditer(code)}
    for m in BINARY.finditer(code):
        # At equality a clip chooses between two of one number.
        same = {m[1] + "=", m[1].rstrip("=")} if m.start(1) in clips else set()
        yield from ((*m.span(1), other) for other in PAIRS[m[1]] if other not in same)
    for m in NUMBER.finditer(code):
        yield from ((*m.span(), other) for other in other_numbers(m[0]))
    for pattern in (SIGN, NOT):
        yield from ((*m.span(), "") for m in pattern.finditer(code))
    for m in STEP.finditer(code):
        yield *m.span(), "--" if m[0] == "++" else "++"
    for m in LIMIT.finditer(code):
        yield *m.span(), m[0] + " - 1"
    for m in re.finditer(r"\bif \(", code):
        end = closing(code, m.end() - 1)
        yield m.end(), end, f"!({code[m.end() : end]})"
    for m in re.finditer(r"(?<!T )\bmax_\(", code):
        end = closing(code, m.end() - 1)
        comma = end_of(code, m.end(), ",")
        yield m.start(), end + 1, f"({code[m.end() : comma]})"
        yield m.start(), end + 1, f"({code[comma + 2 : end]})"
    for m in re.finditer(r" \? ", code):
        colon = end_of(code, m.end(), ":")
        end = end_of(code, colon + 2, ",;:\\")
        end = len(code[:end].rstrip())
        yield m.end(), end, f"{code[colon + 2 : end]} : {code[m.end() : colon - 1]}"


def other_numbers(number: str) -> list[str]:
    if number.isdigit():
        return {"0": ["1"], "1": ["0", "2"]}.get(number, [str(int(number) + 1)])
    if number.startswith("0x"):
        head, power, tail = number.partition("p")
        return [f"{head}p{int(tail) + 1}" if power else hex(int(head, 16) + 1)]
    if number == "0.5":
        return ["0.25"]
    at = next(i for i, c in enumerate(number) if c in "123456789")  # the first digit that counts
    digit = int(number[at])
    return [number[:at] + str(digit + 1 if digit < 9 else 8) + number[at + 1 :]]


def closing(code: str, at: int) -> int:
    """Of the bracket that opens at `at`."""
    return end_of(code, at + 1, "")


def end_of(code: str, at: int, stops: str) -> int:
    """Where one of the stops, or the end of a bracket around it, ends what begins at `at`."""
    depth = choices = 0
    for i in range(at, len(code)):
        c = code[i]
        if depth == 0 and (c in ")]}" or (c in stops and not (c == ":" and choices))):
            return i
        depth += (c in "([{") - (c in ")]}")
        choices += ((c == "?") - (c == ":")) * (depth == 0)
    return len(code)
