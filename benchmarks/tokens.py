"""How many bytes of a request's JSON go to one token: what the fast estimate of the hot path stands on.

Usage: python benchmarks/tokens.py [FILE …]        (needs the extra `tokens`; more files are more text, `pt:FILE` tells the language)

Texts of this repository, cut to messages of several lengths and wrapped as the official clients do it, counted exactly by the vocabulary
of GPT-4o and later. Prints, by language and length: requests, bytes of body to one token (median, and where 5 % of the requests lie below
and above), and the error of the estimate in force. An estimate that divides by less reserves too much; by more,
it admits too much.
"""

import json
import statistics
import sys
from pathlib import Path

import msgspec
from msgspec import Raw

from roteiro.terms.codes import Operation
from roteiro.wire.body import BYTES_PER_TOKEN, estimate_tokens
from roteiro.wire.tokens import count_request

ROOT = Path(__file__).resolve().parent.parent
LENGTHS = (60, 300, 1000, 4000)
SOURCES = {
    "en": [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"],
    "pt": [ROOT / "README.pt-BR.md"],
    "code": sorted((ROOT / "src").rglob("*.py")),
}
QUESTIONS = ROOT / "benchmarks" / "pairs.tsv"


def pieces(text: str, length: int) -> list[str]:
    """Cuts a text at blanks."""
    return [piece for at in range(0, len(text) - length, max(length, len(text) // 400)) if (piece := text[at : at + length].strip())]


def measure(body: bytes) -> tuple[float, float]:
    """(bytes to one token, estimate over truth) of a request."""
    tokens = count_request(Operation.CHAT, msgspec.json.decode(body, type=dict[str, Raw]), "gpt-4o")
    return len(body) / tokens, estimate_tokens(body) / tokens


def row(language: str, length: str, texts: list[str]) -> None:
    told = []
    for text in texts:
        messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": text}]
        told.append(measure(json.dumps({"model": "gpt-4o", "messages": messages}, ensure_ascii=False, separators=(",", ":")).encode()))
    ratios, errors = [one for one, _ in told], [one for _, one in told]
    low, *_, high = statistics.quantiles(ratios, n=20)
    print(
        f"{language:10} {length:>10} {len(told):9} {statistics.median(ratios):8.2f} {low:8.2f} {high:8.2f}"
        f" {statistics.median(errors) - 1:+12.0%} {sum(one < 1 for one in errors) / len(errors):14.0%}"
    )


def main() -> None:
    sources = {language: list(files) for language, files in SOURCES.items()}
    for more in sys.argv[1:]:
        language, _, path = more.rpartition(":")
        sources.setdefault(language or "en", []).append(Path(path))
    print(f"bytes to one token; the estimate in force divides by {BYTES_PER_TOKEN}")
    print("language   characters  requests   median      5 %     95 % estimate off estimate below")
    lines = [line.split("\t") for line in QUESTIONS.read_text(encoding="utf-8").splitlines()[1:]]
    for language in ("en", "pt"):
        row(language, "question", [text for line in lines if line[1] == language for text in line[3:5]])
    for language, files in sources.items():
        text = "\n".join(path.read_text(encoding="utf-8") for path in files if path.exists())
        for length in LENGTHS:
            row(language, str(length), pieces(text, length))


if __name__ == "__main__":
    main()
