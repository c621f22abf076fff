import re
from pathlib import Path

import pytest

SERVICES = ("customers", "feedback", "loyalty", "analytics")
REQUIRED = (
    r"^USER 10001:10001$",
    r"^STOPSIGNAL SIGTERM$",
    r"^HEALTHCHECK .*--start-period=\d+s.* CMD \[\"python\",",
    r"^ENTRYPOINT \[",
    r"^LABEL org\.opencontainers\.image\.title=",
)


def dockerfiles(root: Path) -> list[Path]:
    return sorted([*root.glob("services/*/Dockerfile"), *root.glob("deploy/containers/**/Dockerfile")])


def bases(text: str) -> list[str]:
    """Return the images that a Dockerfile is built on, without its own stages."""
    stages = re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE)
    return [image for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE) if image not in stages]


def is_pinned(image: str) -> bool:
    """Tell whether an image has a tag with a whole version, or a digest."""
    return "@sha256:" in image or re.search(r":\d+\.\d+\.\d+", image) is not None


def test_every_service_has_one(root):
    assert {path.parent.name for path in root.glob("services/*/Dockerfile")} >= set(SERVICES)


def test_hadolint_has_nothing_to_say(root, hadolint):
    for path in dockerfiles(root):
        done = hadolint(path)
        assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FROM python:latest\n", "DL3007"),
        ("FROM python\n", "DL3006"),
        ("FROM python:3.11.14-slim-bookworm\nUSER root\n", "DL3002"),
        ("# hadolint ignore=DL3007\nFROM python:latest\n", "DL3007"),
    ],
)
def test_hadolint_bites(hadolint, tmp_path, text, rule):
    path = tmp_path / "Dockerfile"
    path.write_text(text)
    done = hadolint(path)
    assert done.returncode != 0
    assert rule in done.stdout


def test_the_services_files_differ_in_the_name_only(root):
    texts = {(root / "services" / name / "Dockerfile").read_text().replace(name, "SERVICE") for name in SERVICES}
    assert len(texts) == 1


@pytest.mark.parametrize("pattern", REQUIRED)
def test_a_service_is_safe_to_run(root, pattern):
    assert re.search(pattern, (root / "services/customers/Dockerfile").read_text(), re.MULTILINE)


def test_every_base_is_pinned(root):
    for path in dockerfiles(root):
        named = bases(path.read_text())
        assert named
        assert [image for image in named if not is_pinned(image)] == []


@pytest.mark.parametrize("image", ["python", "python:latest", "python:3", "python:3.11-slim", "python:slim"])
def test_a_base_that_floats_is_seen(image):
    assert not is_pinned(image)
