"""The wheel: it holds all there is, the image builds the same one, and a service needs no more than that."""

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import AsyncIterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from zipfile import ZipFile

import pytest
import pytest_asyncio
from packaging.requirements import Requirement

from tests.support.service import Service, ServiceProcess

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "api/static"
PACKAGES = ("domain", "infrastructure", "projections", "api")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# What the image has, and removes when the wheel is built.
UNNEEDED = set(re.search(r"pip uninstall --yes (.*)", DOCKERFILE)[1].split())  # type: ignore[index]


def build(source: Path, folder: Path) -> Path:
    """The wheel of a source tree, as a release, and the image, build it."""
    options = ("--no-deps", "--no-build-isolation", "--quiet")
    assert all(option in DOCKERFILE for option in options[:2])
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def contents(wheel: Path) -> Mapping[str, bytes]:
    with ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def locked() -> list[Distribution]:
    """What the image installs and keeps: all that the lock file names, which is here for the tests, too."""
    lines = re.findall(r"^\w[^\\\n]*", (ROOT / "requirements/serve.txt").read_text(), re.MULTILINE)
    requirements = [Requirement(line) for line in lines]
    wanted = [each for each in requirements if each.marker is None or each.marker.evaluate()]
    found = {each.name: distribution(each.name) for each in wanted}
    assert all(found[each.name].version in each.specifier for each in wanted), "make .venv/test"
    return [each for name, each in found.items() if name not in UNNEEDED]


def link(packages: Distribution, folder: Path) -> None:
    """Have what is installed here stand there as well."""
    for name in {
        path.parts[0] for path in packages.files or () if path.parts[0] not in ("..", "__pycache__")
    }:
        there = folder / name
        if not there.exists():
            there.symlink_to(Path(str(packages.locate_file(name))))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs are of an environment with what the lock file names, and the wheel."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for packages in locked():
        link(packages, site)
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install", "--quiet"]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True)
    return folder / "bin"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(programs: Path, conninfo: str, data_dir: Path) -> AsyncIterator[Service]:
    """Started far from this checkout."""
    process = ServiceProcess(
        {
            "DATABASE_URL": conninfo,
            "VERBATIM_DATA_DIR": str(data_dir),
            "VERBATIM_WORDS_PER_SECOND": "0",
            "PYTHONPATH": "",
        },
        data_dir / "log",
        command=[str(programs / "verbatim")],
        folder=data_dir,
    )
    yield await process.start()
    await process.stop()


def test_it_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    held = {name for name in contents(wheel) if ".dist-info/" not in name}

    assert held == files


def test_the_image_builds_the_same_from_what_it_copies(wheel: Path, tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        *copied, target = line.split()
        for each in copied:
            if (ROOT / each).is_dir():
                shutil.copytree(ROOT / each, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                (source / target).mkdir(exist_ok=True)
                shutil.copy(ROOT / each, source / target)

    assert contents(build(source, tmp_path)) == contents(wheel)


@pytest.mark.asyncio(loop_scope="module")
async def test_all_of_the_service_s_files_come_out_of_it(service: Service, programs: Path) -> None:
    imported = subprocess.check_output([programs / "python", "-I", "-c", "import api; print(api.__file__)"])
    assert Path(imported.decode()).is_relative_to(programs.parent)
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}

    async with service.http() as http:
        page = await http.get("/")
        served = {name: await http.get(f"/static/{name}") for name in files}
        others = [
            await http.get(path)
            for path in (
                "/api/docs/",
                "/api/docs/openapi.json",
                "/api/docs/asyncapi.json",
                "/api/chats/persona/",
                "/api/chats/persona/avatar/",
            )
        ]

    assert page.content == (STATIC / "index.html").read_bytes()
    assert {name: answer.content for name, answer in served.items()} == {
        name: path.read_bytes() for name, path in files.items()
    }
    assert [answer.status_code for answer in others] == [200] * len(others)
    assert others[-1].content.startswith(b"<svg")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_visitor_is_answered_from_it(service: Service) -> None:
    visitor = await service.start_session()

    async with service.http() as http:
        reply = await http.post(
            f"{visitor.path}/messages/", headers=visitor.headers, json={"message": "What is a novated lease?"}
        )

    assert "A novated lease is" in reply.json()["message"]
