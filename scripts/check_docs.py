#!/usr/bin/env python3
"""Checks what the docs point to: links and anchors within the repository, and commands.

Of a cargo command the example, bench, test or package has to exist, and an example has to know
every option that it is given; of `bash` and `python3`, the script. Examples are asked for their
options by `--help`, so they have to be built: `cargo build --examples` comes first.

    python3 scripts/check_docs.py <folder with the built examples>
"""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BOOK = ROOT / "docs"
# Where a page of the book finds what is not in it.
HOSTED = "https://github.com/aster-ad/aster/blob/main/"
PAGES = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not {"target", ".git"} & set(path.relative_to(ROOT).parts) and not path.is_symlink()
]
CARGO_OPTIONS = {"release", "features", "workspace", "example", "bench", "test", "bin", "no-fail-fast"}


def anchors(path):
    """Those of a page's headings, as GitHub and mdBook make them."""
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    titles = re.findall(r"^#+ (.*)$", text, flags=re.M)
    kept = (re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", t)) for t in titles)
    return {title.strip().lower().replace(" ", "-") for title in kept}


def links(path):
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(HOSTED) and not (ROOT / target.removeprefix(HOSTED)).exists():
            yield f"{target}: there is no such file"
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        if not other.exists():
            yield f"{target}: there is no such file"
        elif BOOK in path.parents and BOOK not in other.parents:
            yield f"{target}: lies outside of the book, where links do not lead"
        elif anchor and anchor not in anchors(other):
            yield f"{target}: there is no such heading"


def targets():
    metadata = json.loads(
        subprocess.check_output(
            ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline"], cwd=ROOT
        )
    )
    packages = {package["name"] for package in metadata["packages"]}
    found = {(kind, t["name"]) for p in metadata["packages"] for t in p["targets"] for kind in t["kind"]}
    return packages, found


def commands(path):
    """In blocks of shell, where a backslash continues a line, and in code within text."""
    text = path.read_text()
    for block in re.findall(r"```(?:sh|bash)\n(.*?)```", text, flags=re.S):
        yield from block.replace("\\\n", " ").splitlines()
    for code in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.S)):
        yield " ".join(code.split())


def options(example, built, known={}):
    if example not in known:
        binary = pathlib.Path(built) / example
        if not binary.exists():
            return None
        shown = subprocess.run([binary, "--help"], capture_output=True, text=True, timeout=60)
        known[example] = set(re.findall(r"--([a-z][a-z-]*)", shown.stdout))
    return known[example]


def wrong(command, built, packages, found):
    words = command.split()
    words = words[next((i for i, word in enumerate(words) if "=" not in word), 0) :]
    if words[:1] in (["bash"], ["python3"]) and len(words) > 1:
        if not (ROOT / words[1]).exists() and "/" in words[1]:
            yield f"there is no {words[1]}"
    if words[:1] != ["cargo"] or words[1:2] not in (["run"], ["test"], ["bench"]):
        return
    ours, _, theirs = " ".join(words).partition(" -- ")
    for kind, name in re.findall(r"--(example|bench|test) (\w+)", ours):
        if (kind, name) not in found:
            yield f"there is no {kind} {name}"
    for name in re.findall(r"-p (\S+)", ours):
        if name not in packages:
            yield f"there is no package {name}"
    if example := re.search(r"--example (\w+)", ours):
        known = options(example[1], built) if theirs else set()
        for option in re.findall(r"--([a-z][a-z-]*)", theirs):
            if known is not None and option not in known:
                yield f"the example {example[1]} does not know --{option}"


if __name__ == "__main__":
    packages, found = targets()
    mistakes, checked = [], 0
    for path in PAGES:
        mistakes += [f"{path.relative_to(ROOT)}: {what}" for what in links(path)]
        for command in commands(path):
            checked += command.split()[:1] in (["cargo"], ["bash"], ["python3"])
            for what in wrong(command, sys.argv[1], packages, found):
                mistakes.append(f"{path.relative_to(ROOT)}: `{command}`: {what}")
    print(f"{len(PAGES)} pages, {checked} commands")
    sys.exit("\n".join(mistakes) or 0)
