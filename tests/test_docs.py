"""The pages that people read: every link leads somewhere, both READMEs say the same, answers are short."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from support.command import command

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
READMES = (ROOT / "README.md", ROOT / "README.ru.md")
PICTURES = (ROOT / "docs/pictures/flow.svg", ROOT / "docs/pictures/flow.ru.svg")


def without_code(text: str) -> str:
    """Return Markdown without its blocks of code."""
    return re.sub(r"^(?: *\d+\.)? *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-") for title in titles}


def dead_links(page: Path) -> Iterator[str]:
    """Yield the links of a page that lead to no file or heading."""
    text = without_code(page.read_text())
    for link in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)" width', text):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            yield link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page):
    assert list(dead_links(page)) == []


def test_a_link_to_a_missing_file_or_heading_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One thing\n[a](page.md#one-thing) [b](#other) [c](gone.md)\n```\n# other\n[d](code.md)\n```\n")
    assert list(dead_links(page)) == ["#other", "gone.md"]


def test_every_title_that_the_software_names_is_a_heading_of_its_page():
    named = re.compile(r"(docs/\w+\.md), ['\"«\\]+([^'\"»\\]+)")
    files = [file for top in ("pipeline", "collector", "dashboards", "deploy") for file in (ROOT / top).rglob("*.*")]
    found = {
        match
        for file in files
        if file.suffix in {".py", ".toml", ".conf", ".service"}
        for match in named.findall(file.read_text())
    }
    assert ("docs/runbook.md", "Behind a CDN") in found
    assert [(page, title) for page, title in sorted(found) if f"# {title}\n" not in (ROOT / page).read_text()] == []


def sections(page: Path) -> list[int]:
    """Return the levels of a page's headings, in their order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", without_code(page.read_text()), re.MULTILINE)]


def commands(page: Path) -> list[str]:
    """Return the lines of a page's blocks of code, without their comments."""
    blocks = re.findall(r"```\w+\n(.*?)```", page.read_text(), re.DOTALL)
    return [re.sub(r"\s+#.*", "", line) for block in blocks for line in block.splitlines()]


def test_both_readmes_have_the_same_sections_commands_and_links():
    english, russian = READMES
    assert sections(english) == sections(russian)
    assert commands(english) == commands(russian)
    assert "make run" in commands(english)
    links = [
        [
            re.sub(r"(flow|legal-mapping)(\.ru)?\.", r"\1.", link)
            for link in re.findall(r'(?:\]\(|src=")([^)"]+)', page.read_text())
            if "README" not in link
        ]
        for page in READMES
    ]
    assert links[0] == links[1]


def test_a_readme_can_be_read_in_five_minutes():
    for page in READMES:
        words = re.findall(r"\w+", re.sub(r"\]\([^)]*\)", "]", without_code(page.read_text())))
        assert len(words) < 1000, page.name  # 200 words a minute


def test_both_pictures_of_the_flow_have_the_same_form_and_say_it_in_words():
    forms = []
    for picture in PICTURES:
        root = ET.fromstring(picture.read_text())  # noqa: S314 - our own file
        forms.append([(node.tag, sorted(node.attrib.items())) for node in root.iter()])
        described = [node.text or "" for node in root.iter() if node.tag.endswith(("}title", "}desc"))]
        assert len(described) == 2
        assert min(map(len, described)) > 15
        assert "prefers-color-scheme: dark" in picture.read_text()
        assert "://" not in picture.read_text().replace("http://www.w3.org/2000/svg", "")
    assert forms[0] == forms[1]


def test_an_answer_of_the_faq_has_at_most_five_lines_and_a_link():
    answers = re.split(r"^### .*\n", (ROOT / "docs/faq.md").read_text(), flags=re.MULTILINE)[1:]
    assert len(answers) >= 35
    for answer in answers:
        text = re.split(r"^## ", answer, flags=re.MULTILINE)[0].strip()
        assert 1 <= len(text.splitlines()) <= 5, text
        assert max(map(len, text.splitlines())) <= 170, text
        assert re.search(r"\]\([^)]+\)", text), text


def test_every_step_of_the_installation_names_commands_and_files_that_exist():
    page = (ROOT / "docs/installation.md").read_text()
    files = set(re.findall(r"(?<![\w/])deploy/[\w./*-]*[\w*]", page))
    assert files
    assert [name for name in sorted(files) if not list(ROOT.glob(name))] == []
    known = command(ROOT, "--help").stdout
    used = set(re.findall(r"^ *clinic-pixel ([a-z-]+)", page, re.MULTILINE))
    assert used >= {"up", "migrate", "doctor"}
    assert [name for name in sorted(used) if f" {name} " not in known] == []
