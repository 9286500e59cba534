"""How well the semantic cache tells what means the same: precision and recall on pairs of questions, in English and Portuguese.

Usage: python benchmarks/semantic.py        (needs the extra `semantic`)

`pairs.tsv` holds pairs that a person wrote: paraphrases, and questions that look alike and are not. The set `seen` was looked at while the
guard was written; `unseen` was written after it, and nothing was changed for it. Prints a table: threshold × set × language, for the
model alone, with the guard's signature (numbers, negations, opposites, names, signs), and with the whole guard; then the time of one text.
"""

import csv
import statistics
import time
from pathlib import Path

from roteiro.gateway.semantic_guard import signature, stems, swapped
from roteiro.gateway.semantic_model import load

THRESHOLDS = (0.90, 0.92, 0.94, 0.96)


def main() -> None:
    with (Path(__file__).parent / "pairs.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    embed = load()
    took: list[float] = []
    vectors = {}
    for text in {row[name] for row in rows for name in ("one", "other")}:
        began = time.perf_counter()
        vectors[text] = embed(text)
        took.append(time.perf_counter() - began)
    print("threshold  set     language  pairs same  model alone: precision recall  with signature  with whole guard")
    for threshold in THRESHOLDS:
        for which in ("seen", "unseen"):
            for language in ("en", "pt"):
                pairs = [row for row in rows if (row["set"], row["language"]) == (which, language)]
                shown = []
                for mode in range(3):
                    good = bad = 0
                    for row in pairs:
                        one, other = row["one"], row["other"]
                        called = float(vectors[one] @ vectors[other]) >= threshold
                        if mode >= 1:
                            called = called and signature(one) == signature(other)
                        if mode >= 2:
                            called = called and not swapped(stems(one), stems(other))
                        good += called and row["same"] == "1"
                        bad += called and row["same"] == "0"
                    same = sum(row["same"] == "1" for row in pairs)
                    shown.append(f"{good / max(good + bad, 1):.2f} {good / same:.2f}")
                print(f"{threshold:.2f}       {which:7} {language:9} {len(pairs):5} {same:4}  " + "        ".join(shown))
    print(f"one text: median {statistics.median(took) * 1e3:.0f} ms, longest {max(took) * 1e3:.0f} ms, one core")


if __name__ == "__main__":
    main()
