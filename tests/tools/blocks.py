#!/usr/bin/env python3
"""Takes the code blocks out of README.md, docs/*.md and the EXAMPLES of man/*.

    tests/tools/blocks.py FOLDER

writes each into FOLDER/KIND/PAGE.N. tests/lib/blocks.list says of which kind a
block is, or else it is seen: a script (#!), JavaScript, or commands of a
shell; of these each ends with NUL, and so does what the page shows after it.
A block of no kind is an error, and a line of the list that fits no block or
more than one.
"""

import re
import sys
from pathlib import Path

top = Path(__file__).resolve().parent.parent.parent


def markdown(text):
    """The language and the text of each block, fenced or indented."""
    language, lines, above = None, [], ""
    for line in text.split("\n") + ["."]:
        if language is not None and line == "```":
            yield language, lines
            language, lines = None, []
        elif language is not None:
            lines.append(line)
        elif line.startswith("```"):
            language = line[3:]
        elif line.startswith("    ") and (lines or not above):
            lines.append(line[4:])
        elif lines and not line:
            lines.append("")
        elif lines:
            yield "", lines
            lines = []
        above = line


def mdoc(text):
    """The same for a manual: what its EXAMPLES show as it stands."""
    lines = None
    examples = re.search(r"^\.Sh EXAMPLES\n(.*?)^\.Sh ", text, re.M | re.S)
    for line in examples.group(1).split("\n") if examples else []:
        line = line.replace("\\e", "\\").replace("\\&", "")
        if line.startswith(".Dl "):
            yield "", [line[4:]]
        elif line.startswith(".Bd "):
            lines = []
        elif line == ".Ed":
            yield "", lines
            lines = None
        elif lines is not None:
            lines.append(line)


def kind_of(language, lines):
    """What a block shows of itself; None if nothing."""
    if lines[0].startswith("#!"):
        return "script"
    if language == "js" or "new EventSource(" in "\n".join(lines):
        return "page"
    if language in ("sh", "console") or re.match(r"[$#] ", lines[0]):
        return "shell"
    return None


def commands(lines):
    """A shell block as (command, what it prints); "$ " is before each, or
    nothing, and then nothing is printed."""
    prompt = bool(re.match(r"[$#] ", lines[0]))
    command, shown = [], []
    for line in lines:
        goes_on = command and not shown and (
            command[-1].endswith("\\") or line.startswith("> "))
        if goes_on:
            command.append(re.sub(r"^> ", "", line))
        elif not prompt or re.match(r"[$#] ", line):
            if command:
                yield "\n".join(command), "\n".join(shown)
            command, shown = [re.sub(r"^[$#] ", "", line)], []
        else:
            shown.append(line)
    yield "\n".join(command), "\n".join(shown)


def main():
    """Writes the blocks; returns what is wrong, a line each."""
    wrong, folder = [], Path(sys.argv[1])
    listed = [line.split("\t") for line in
              (top / "tests/lib/blocks.list").read_text().splitlines()
              if line and not line.startswith("#")]
    fits = [0] * len(listed)
    pages = [top / "README.md", *top.glob("docs/*.md"), *top.glob("man/*")]
    for page in pages:
        split = markdown if page.suffix == ".md" else mdoc
        for n, (language, lines) in enumerate(split(page.read_text()), 1):
            kind = kind_of(language, lines)
            for i, (its_kind, its_page, its_line, *_) in enumerate(listed):
                if its_page == page.name and its_line in lines:
                    kind, fits[i] = its_kind, fits[i] + 1
            if kind is None:
                wrong.append(f"{page.name}: neither run nor listed: {lines[0]}")
                continue
            text = "\n".join(lines).rstrip("\n") + "\n"
            if kind.startswith("shell"):
                lines = text.rstrip("\n").split("\n")
                text = "".join(f"{command}\0{shown}\0"
                               for command, shown in commands(lines))
            (folder / kind).mkdir(exist_ok=True)
            (folder / kind / f"{page.name}.{n}").write_text(text)
    wrong += [f"tests/lib/blocks.list: fits {count} blocks: {' '.join(line)}"
              for line, count in zip(listed, fits) if count != 1]
    return "\n".join(wrong)


sys.exit(main() or 0)
