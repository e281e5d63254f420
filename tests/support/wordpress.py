"""A real WordPress on loopback: MariaDB, PHP-FPM and its files in a directory of its own; skips where a package is absent."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from support.waiting import wait_until

FILES = Path("/usr/share/wordpress")
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
PROGRAMS = {
    "mariadbd": "mariadb-server",
    "mariadb-install-db": "mariadb-server",
    "mariadb": "mariadb-client",
    "php": "php-cli",
    "php-fpm8.2": "php-fpm",
}
THEMES = ("twentytwentythree", "twentytwentyone")
"""A theme of blocks and a classic one."""

_CONFIG = """<?php
define('DB_NAME', 'wordpress'); define('DB_USER', 'root'); define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:%(socket)s'); define('DB_CHARSET', 'utf8mb4'); define('DB_COLLATE', '');
define('WP_HOME', 'https://clinic.example'); define('WP_SITEURL', 'https://clinic.example');
define('WP_HTTP_BLOCK_EXTERNAL', true); define('DISABLE_WP_CRON', true); define('AUTOMATIC_UPDATER_DISABLED', true);
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define($name . '_KEY', 'of a test'); define($name . '_SALT', 'of a test');
}
$table_prefix = 'wp_';
require_once __DIR__ . '/wp-settings.php';
"""
_POOL = """[global]
error_log = %(home)s/php-fpm.log
daemonize = no
[www]
listen = %(home)s/php.sock
user = root
group = root
pm = static
pm.max_children = 3
php_admin_value[opcache.enable] = 0
"""


class WordPress:
    """WordPress with the pages of `setup.php`, for as long as the `with` block lasts; the address is https://clinic.example."""

    def __init__(self, home: Path, setup: Path, *, in_article: str) -> None:
        missing = {package for name, package in PROGRAMS.items() if not shutil.which(name, path=PLACES)}
        missing |= set() if FILES.is_dir() else {"wordpress"}
        missing |= {f"wordpress-theme-{name}" for name in THEMES if not (FILES / "wp-content/themes" / name).is_dir()}
        if missing:
            pytest.skip(f"packages are not installed: {' '.join(sorted(missing))}")
        if os.getuid() != 0:
            pytest.skip("MariaDB and PHP-FPM are started as root here")
        self.home, self.root = home, home / "www"
        self._setup, self._in_article = setup, in_article
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self._copy_files()
            self._start_database()
            self._run("php", "-d", "opcache.enable_cli=0", str(self._setup), str(self.root), self._in_article)
            (self.home / "fpm.conf").write_text(_POOL % {"home": self.home})
            self._start(
                "php-fpm8.2", "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", f"{self.home}/fpm.conf"
            )
            wait_until((self.home / "php.sock").exists, "PHP-FPM")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(timeout=30)
        self._processes.clear()

    def server(self) -> str:
        """Return the lines of nginx that serve it, to stand inside of `server { }`."""
        return f"""root {self.root}; index index.php; client_max_body_size 8m;
            location / {{ try_files $uri $uri/ /index.php?$args; }}
            location ~ \\.php$ {{
                include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
                fastcgi_param HTTPS on; fastcgi_param SERVER_PORT 443; fastcgi_pass unix:{self.home}/php.sock;
            }}
            location ~* \\.(js|css|gif|png|jpg|svg|woff2)$ {{ expires 30d; }}"""

    def plugin(self, text: str) -> None:
        """Put the must-use plugin of the tag in force."""
        (self.root / "wp-content/mu-plugins/tag.php").write_text(text)

    def theme(self, name: str) -> None:
        """Switch the theme."""
        code = f"require '{self.root}/wp-load.php'; switch_theme('{name}'); echo get_stylesheet();"
        assert self._run("php", "-r", code).strip() == name

    def _copy_files(self) -> None:
        shutil.copytree(FILES, self.root, ignore=shutil.ignore_patterns("wp-config.php", "languages"))
        (self.root / "wp-content/mu-plugins").mkdir()
        (self.root / "wp-config.php").write_text(_CONFIG % {"socket": self.home / "db.sock"})

    def _start_database(self) -> None:
        data, user = f"--datadir={self.home}/db", "--user=root"
        (self.home / "db").mkdir()
        (self.home / "tmp").mkdir()
        self._run(
            "mariadb-install-db",
            "--no-defaults",
            data,
            user,
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        self._start(
            "mariadbd", "--no-defaults", data, user, f"--socket={self.home}/db.sock", f"--pid-file={self.home}/db.pid",
            f"--tmpdir={self.home}/tmp", "--skip-networking", "--innodb-buffer-pool-size=32M", "--innodb-flush-log-at-trx-commit=0",
        )  # fmt: skip
        wait_until((self.home / "db.sock").exists, "MariaDB", seconds=60)
        self._run(
            "mariadb", "--no-defaults", f"--socket={self.home}/db.sock", "-uroot", "-e", "CREATE DATABASE wordpress"
        )

    def _start(self, name: str, *arguments: str) -> None:
        with (self.home / f"{name}.out").open("wb") as log:
            self._processes.append(subprocess.Popen(_command(name, arguments), stdout=log, stderr=log))

    def _run(self, name: str, *arguments: str) -> str:
        done = subprocess.run(
            _command(name, arguments), capture_output=True, text=True, check=False, timeout=120, cwd=self.home
        )
        assert done.returncode == 0, (name, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout


def _command(name: str, arguments: Sequence[str]) -> list[str]:
    found = shutil.which(name, path=PLACES)
    assert found is not None
    return [found, *arguments]
