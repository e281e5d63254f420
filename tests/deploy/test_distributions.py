"""The wheel and the source distribution: which files they hold, and that anybody can build the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pipeline import __version__
from support.distributions import (
    PACKAGES,
    build,
    copy_of_source,
    metadata_of,
    names_in,
    names_of_packages,
)

pytest.importorskip("hatchling", reason="`make setup` installs it")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_of_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the source distribution, built from the tree."""
    wheel, archive = build(source, tmp_path_factory.mktemp("dist"))
    return wheel, archive


def forgotten(distribution: Path, tree: Path) -> list[str]:
    """Return the files of the packages that a distribution lacks."""
    return sorted(names_of_packages(tree) - names_in(distribution))


def beside_packages(names: set[str]) -> set[str]:
    """Return the first parts of the names that are in no package."""
    return {name.partition("/")[0] for name in names} - set(PACKAGES)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_wheel_and_source_distribution_hold_every_file_of_the_packages(built, source):
    wheel, archive = built
    assert len(names_of_packages(source)) > 500
    assert forgotten(wheel, source) == []
    assert forgotten(archive, source) == []
    kinds = {Path(name).suffix for name in names_in(wheel)}
    assert {".py", ".sql", ".toml", ".txt", ".html", ".js", ".css", ".svg", ".json", ".yaml"} <= kinds


def test_a_data_file_that_the_build_forgets_is_named(source, tmp_path):
    tree = shutil.copytree(source, tmp_path / "tree")
    text = (tree / "pyproject.toml").read_text()
    packages = 'packages = ["collector", "dashboards", "pipeline", "sql"]'
    assert packages in text
    (tree / "pyproject.toml").write_text(text.replace(packages, f'{packages}\nexclude = ["pipeline/publish/*.toml"]'))
    (wheel,) = build(tree, tmp_path / "dist", "wheel")
    assert forgotten(wheel, tree) == ["pipeline/publish/noise.toml"]


def test_nothing_but_packages_metadata_and_licence_is_in_the_wheel(built):
    names = names_in(built[0])
    about = f"clinic_pixel-{__version__}.dist-info"
    assert beside_packages(names) == {about}
    expected = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
    assert {name for name in names if name.startswith(about)} == {f"{about}/{name}" for name in expected}


def test_tests_and_benchmarks_are_not_in_the_source_distribution(built):
    assert beside_packages(names_in(built[1])) == {
        "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "PKG-INFO", "README.md", "SECURITY.md",
        ".gitignore", "deploy", "docs", "pyproject.toml",
    }  # fmt: skip


def test_settings_and_data_in_a_package_folder_are_not_packed(source, tmp_path):
    tree = shutil.copytree(source, tmp_path / "tree")
    secrets = ("pipeline/pixel.toml", "collector/var/keys/day.key", "dashboards/var/access.sqlite")
    for name in secrets:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("secret")
    for distribution in build(tree, tmp_path / "dist"):
        assert names_in(distribution) & set(secrets) == set()


def test_the_version_of_the_package_is_the_one_of_the_code(built):
    assert f"\nVersion: {__version__}\n" in metadata_of(built[0])
    assert built[0].name == f"clinic_pixel-{__version__}-py3-none-any.whl"
    assert built[1].name == f"clinic_pixel-{__version__}.tar.gz"


def test_another_person_builds_the_same_bytes_in_another_folder(built, source, tmp_path):
    tree = shutil.copytree(source, tmp_path / "other name", copy_function=shutil.copyfile)
    for file in tree.rglob("*"):
        os.utime(file, (1_500_000_000, 1_500_000_000))
        file.chmod((source / file.relative_to(tree)).stat().st_mode & 0o700)  # as with umask 077
    assert [digest(file) for file in build(tree, tmp_path / "dist")] == [digest(file) for file in built]


def test_the_source_distribution_builds_the_same_wheel(built, tmp_path):
    with tarfile.open(built[1]) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    (wheel,) = build(tree, tmp_path / "dist", "wheel")
    assert digest(wheel) == digest(built[0])


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_make_dist_builds_committed_files_alone_and_the_same_bytes_twice(source, tmp_path):
    tree = shutil.copytree(source, tmp_path / "tree")

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@clinic.example")
        subprocess.run(["git", *who, *arguments], cwd=tree, check=True, capture_output=True, timeout=60)

    def make_dist() -> subprocess.CompletedProcess[str]:
        command = ["make", "--assume-old", "setup", "dist", f"VENV={sys.prefix}"]
        return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=300)

    def made() -> dict[str, str]:
        return {file.name: digest(file) for file in (tree / "dist").iterdir()}

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "A release")
    assert make_dist().returncode == 0
    first = made()
    assert sorted(first) == ["SHA256SUMS", *sorted(name for name in first if name.startswith("clinic_pixel-"))]
    assert make_dist().returncode == 0
    assert made() == first

    (tree / "pipeline" / "left_over.toml").write_text("x = 1")
    refused = make_dist()
    assert refused.returncode != 0
    assert "pipeline/left_over.toml" in refused.stderr
    assert made() == first
