#!/usr/bin/env python3
"""Writes docs/config.md, the reference of every config field, from the docs in the sources.

    python3 scripts/config_reference.py           # write
    python3 scripts/config_reference.py --check   # fail if it is not up to date
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/config.md"

SECTIONS = {
    "The detector": [
        ("aster-train/src/config.rs", ["AsterConfig", "Space"]),
        ("aster-data/src/scale.rs", ["ScalerConfig", "ScalerKind"]),
    ],
    "Context and language model": [
        ("aster-llm/src/context.rs", ["ContextConfig", "LlmSource", "Tuning", "Precision"]),
        ("aster-llm/src/adapter.rs", ["LoraConfig", "Target"]),
        ("aster-llm/src/input.rs", ["InputConfig"]),
        ("aster-llm/src/prompt.rs", ["Prompt"]),
        ("aster-llm/src/config.rs", ["LlmConfig", "Family", "Activation", "RopeScaling"]),
    ],
    "Encoder, decoder, generator, classifier": [
        ("aster-vae/src/encoder.rs", ["VaeConfig"]),
        ("aster-vae/src/posterior.rs", ["Prior"]),
        ("aster-decoder/src/decoder.rs", ["DecoderConfig"]),
        ("aster-decoder/src/sampler.rs", ["CodeSampler"]),
        ("aster-decoder/src/generator.rs", ["GeneratorConfig", "GeneratorForm", "Gates"]),
        ("aster-classifier/src/head.rs", ["HeadConfig", "HeadKind"]),
    ],
    "Objective and training": [
        ("aster-train/src/config.rs", ["ObjectiveConfig", "Balance"]),
        ("aster-vae/src/beta.rs", ["BetaSchedule"]),
        ("aster-train/src/config.rs", ["TrainConfig"]),
    ],
    "Score, threshold, alarms": [
        ("aster-train/src/config.rs", ["ScoreConfig", "EvidenceConfig", "Source"]),
        ("aster-train/src/smoothing.rs", ["Smoothing", "Alignment"]),
        ("aster-eval/src/threshold.rs", ["ThresholdRule"]),
        ("aster-eval/src/drift.rs", ["DriftConfig", "DriftMethod"]),
        ("aster-eval/src/interval.rs", ["AlarmConfig"]),
    ],
    "Files, streams, reports": [
        ("aster-data/src/load.rs", ["LoadOptions", "Columns", "CsvFormat"]),
        ("aster-data/src/missing.rs", ["MissingPolicy"]),
        ("aster-data/src/synthetic.rs", ["SyntheticConfig", "AnomalyKind"]),
        ("aster-train/src/stream/policy.rs", ["StreamConfig", "Regular", "OnMissing", "OnLate", "OnDuplicate"]),
        ("aster-train/src/score_file.rs", ["ScoreFileConfig"]),
        ("aster-train/src/blame.rs", ["Attribution"]),
        ("aster-report/src/config.rs", ["ReportConfig", "Timestamps"]),
    ],
}

FOREIGN = {"Option", "PathBuf", "PromptTokens", "Self", "String", "Vec"}

HEAD = """# Config

Every choice is a field of `AsterConfig`, which is written and read as JSON: a file needs only the fields
that differ from their defaults, and an unknown name is an error. Enums are in snake case, as
`"threshold": {"false_alarm_rate": {"rate": 0.01}}`.

Made from the sources by `python3 scripts/config_reference.py`.
"""


def plain(lines):
    """One line of Markdown without links into the API."""
    text = " ".join(line.strip() for line in lines)
    text = re.sub(r"\[`([^`\]]+)`\]\([^)]*\)", r"`\1`", text)
    text = re.sub(r"\[`([^`\]]+)`\]", r"`\1`", text)
    return text.replace("|", "\\|").strip()


def item(source, name):
    """Kind, docs and members of a public struct or enum: (name, type, docs)."""
    lines = source.splitlines()
    start = next(i for i, line in enumerate(lines) if re.match(rf"pub (struct|enum) {name}\b", line))
    kind = lines[start].split()[1]
    docs = []
    for line in reversed(lines[:start]):
        if line.startswith("///"):
            docs.insert(0, line[3:])
        elif not line.startswith("#["):
            break
    docs = "\n".join(docs).partition("```")[0].splitlines()
    members, told, variant = [], [], ""
    for line in lines[start + 1 :]:
        if line == "}":
            break
        text = line.strip()
        if text.startswith("///"):
            told.append(text[3:])
        elif field := re.match(r"(?:pub )?([a-z]\w*): (.+),$", text):
            members.append((variant + field[1], field[2], plain(told)))
            told = []
        elif text in ("},", "}"):
            variant = ""
        elif text and not text.startswith(("#[", "//")):
            value = re.match(r"([A-Z]\w*)(?:\((.*)\))?", text)
            label = re.sub(r"(?<!^)(?=[A-Z])", "_", value[1]).lower()
            members.append((label, value[2] or "", plain(told)))
            variant = f"{label}." if text.endswith("{") else ""
            told = []
    return kind, plain(docs), members


def page():
    listed = {name for files in SECTIONS.values() for _, names in files for name in names}
    parts = [HEAD.rstrip()]
    for title, files in SECTIONS.items():
        parts.append(f"\n## {title}")
        for path, names in files:
            source = (ROOT / "crates" / path).read_text()
            for name in names:
                kind, docs, members = item(source, name)
                typed = any(type_ for _, type_, _ in members)
                head = "field" if kind == "struct" else "value"
                parts.append(f"\n### {name}\n\n{docs}\n")
                parts.append(f"| {head} | type | |\n|---|---|---|" if typed else f"| {head} | |\n|---|---|")
                for member, type_, told in members:
                    missing = set(re.findall(r"\b[A-Z]\w+", type_)) - listed - FOREIGN
                    if missing:
                        sys.exit(f"{name}.{member}: {missing} should have a section here")
                    cell = f" `{type_}` |" if type_ else " |"
                    parts.append(f"| `{member}` |{cell if typed else ''} {told} |")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    text = page()
    if "--check" not in sys.argv:
        PAGE.write_text(text)
    elif PAGE.read_text() != text:
        sys.exit("docs/config.md is not up to date: run python3 scripts/config_reference.py")
