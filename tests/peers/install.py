"""Puts the pinned peers into target/peers; what is there already, of the same pins, is left as it is."""
import hashlib
import shutil
import subprocess
import sys

from kit import HERE, HOME


def installed(folder, pins, commands):
    """Runs `commands` in an empty `folder` unless it was filled from these very `pins`."""
    digest = hashlib.sha256(b"".join((HERE / pin).read_bytes() for pin in pins) + sys.version.encode()).hexdigest()
    mark = folder / ".pins"
    if mark.is_file() and mark.read_text() == digest:
        return
    print(f"installing {', '.join(pins)} into {folder}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for pin in pins:
        shutil.copy(HERE / pin, folder)
    for command in commands:
        subprocess.run(list(map(str, command)), cwd=folder, check=True, stdin=subprocess.DEVNULL)
    mark.write_text(digest)


def all_peers():
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    installed(HOME / "node", ["package.json", "package-lock.json"], [npm])
    for era in ("new", "old"):
        folder, pins = HOME / f"python-{era}", f"python-{era}.txt"
        pip = [folder / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
        installed(folder, [pins], [[sys.executable, "-m", "venv", folder], [*pip, "-r", pins]])
    if not shutil.which("strace"):
        subprocess.run(["apt-get", "update", "-qq"], check=True, stdin=subprocess.DEVNULL)
        subprocess.run(["apt-get", "install", "-y", "-qq", "strace"], check=True, stdin=subprocess.DEVNULL)
