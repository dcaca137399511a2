"""A hub of our own on 127.0.0.1, serving the repositories of a folder, with faults on request.

    with LoopbackHub(root) as hub:             # root/models/ORG/NAME/…, root/datasets/ORG/NAME/…
        hub.point(monkeypatch, cache)          # the hub's client now talks to it, in this process
        hub.faults.corrupt.add("model.safetensors")

Any commit of forty hexadecimal digits is answered with the same files. For commands in a process of
their own, `hub.environment(cache)` has the variables.
"""

import contextlib
import hashlib
import json
import re
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

SIGNATURE = "verysecretsignature"
REVISION = "0123456789abcdef0123456789abcdef01234567"

_LARGE = {".safetensors", ".bin", ".parquet"}  # announced by SHA-256, as the hub's LFS does


@dataclass
class Faults:
    """What goes wrong; file names are those inside the repository, ids are ORG/NAME."""

    corrupt: set[str] = field(default_factory=set)  # one byte is flipped, the length is right
    cut: set[str] = field(default_factory=set)  # the connection drops half-way, each time
    cut_once: set[str] = field(default_factory=set)  # … the first time only
    stalled: set[str] = field(default_factory=set)  # half comes, then nothing more
    busy: dict[str, int] = field(default_factory=dict)  # part of a path -> how often to answer 503
    dropped: dict[str, int] = field(default_factory=dict)  # … -> how often to hang up instead
    silent: dict[str, int] = field(default_factory=dict)  # … -> how often never to answer
    signed: set[str] = field(default_factory=set)  # sent from another host, by a signed address
    missing: set[str] = field(default_factory=set)  # listed, but not there
    status: dict[str, int] = field(default_factory=dict)  # repository id -> 401, 403, 500 …
    gated: set[str] = field(default_factory=set)  # repository ids
    no_revision: set[str] = field(default_factory=set)  # repository ids
    listed: list[str] = field(default_factory=list)  # further files that repositories list
    headers: dict[str, str] = field(default_factory=dict)  # sent with files in place of the true


class LoopbackHub:
    """The server; `requests` lists every path that was asked for, `sent` the files that went."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults = Faults()
        self.main = REVISION  # the commit that the branch `main` is at
        self.requests: list[str] = []
        self.sent: list[tuple[str, int]] = []  # file and first byte, of every transfer
        self.connections: set[socket.socket] = set()
        self.stopping = threading.Event()
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> "LoopbackHub":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering, for good; the port is free again."""
        self.stopping.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            # The client keeps connections open, and a thread of ours would go on answering them.
            for connection in list(self.connections):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def environment(self, cache: Path) -> dict[str, str]:
        """Return the variables that make a new process use this hub and `cache`."""
        return {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(cache), "HF_HUB_DISABLE_XET": "1"}

    def point(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Make the hub's client of this process use this hub and `cache`."""
        point(monkeypatch, self.endpoint, cache)

    def point_datasets(self, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
        """Make 🤗 datasets of this process use this hub, and `cache`."""
        import datasets

        monkeypatch.setattr(datasets.config, "HF_ENDPOINT", self.endpoint)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(cache))


def point(monkeypatch: pytest.MonkeyPatch, endpoint: str, cache: Path) -> None:
    """Make the hub's client of this process use `endpoint` and `cache`, and no account."""
    from huggingface_hub import constants

    for name, value in {
        "ENDPOINT": endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        "HF_HOME": str(cache),
        "HF_HUB_CACHE": str(cache / "hub"),
        "HF_TOKEN_PATH": str(cache / "token"),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: LoopbackHub

    def setup(self) -> None:
        super().setup()
        self.hub.connections.add(self.connection)

    def finish(self) -> None:
        self.hub.connections.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer(b"")

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self.hub.requests.append(f"{self.command} {path}")
        faults = self.hub.faults
        if _due(faults.dropped, path):
            self.close_connection = True
            return
        if _due(faults.silent, path):
            self.hub.stopping.wait(60)
            self.close_connection = True
            return
        if _due(faults.busy, path):
            self._fail(503, None)
            return
        if match := re.fullmatch(
            r"/api/(models|datasets)/([^/]+/[^/]+)"
            r"(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?",
            path,
        ):
            kind, name, what, revision, inside = match.groups()
            if repository := self._open(kind, name, revision):
                query = parse_qs(url.query)
                self._describe(repository, kind, name, what, revision, inside, query, body)
        elif match := re.fullmatch(r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            prefix, name, revision, file = match.groups()
            if repository := self._open("datasets" if prefix else "models", name, revision):
                self._send_file(repository, file, revision)
        else:
            self._fail(404, "EntryNotFound")

    def _open(self, kind: str, name: str, revision: str | None) -> Path | None:
        """Return the repository's folder, or None after having answered with the error."""
        faults = self.hub.faults
        repository = self.hub.root / kind / name
        if name in faults.gated:
            self._fail(403, "GatedRepo")
        elif name in faults.status:
            self._fail(faults.status[name], None)
        elif not repository.is_dir():
            self._fail(404, "RepoNotFound")
        elif name in faults.no_revision or not _is_revision(revision):
            self._fail(404, "RevisionNotFound")
        else:
            return repository
        return None

    def _describe(
        self,
        repository: Path,
        kind: str,
        name: str,
        what: str | None,
        revision: str | None,
        inside: str | None,
        query: dict[str, list[str]],
        body: bytes,
    ) -> None:
        files = {
            path.relative_to(repository).as_posix(): path
            for path in sorted(repository.rglob("*"))
            if path.is_file()
        }
        if what == "paths-info":
            try:
                wanted = json.loads(body)["paths"]
            except ValueError:
                wanted = parse_qs(body.decode())["paths"]
            return self._send_json([_entry(p, n) for n, p in files.items() if n in wanted])
        if what == "tree":
            recursive = query.get("recursive", ["false"])[0].lower() == "true"
            return self._send_json(_tree(files, (inside or "").strip("/"), recursive))
        commit = self.hub.main if revision in (None, "main") else revision
        return self._send_json(
            {
                "_id": "0", "id": name, "sha": commit, "private": False, "disabled": False,
                "gated": False, "downloads": 0, "likes": 0, "tags": [],
                "siblings": [{"rfilename": file} for file in [*files, *self.hub.faults.listed]],
                **({"modelId": name} if kind == "models" else {}),
            }
        )  # fmt: skip

    def _send_file(self, repository: Path, name: str, revision: str) -> None:
        faults, path = self.hub.faults, repository / name
        commit = self.hub.main if revision == "main" else revision
        if name in faults.missing or not path.is_file():
            headers = {"X-Repo-Commit": commit, **faults.headers}
            return self._fail(404, "EntryNotFound", headers)
        content, entry = path.read_bytes(), _entry(path, name)
        if name in faults.corrupt:
            middle = len(content) // 2
            flipped = bytes([content[middle] ^ 1])
            content = content[:middle] + flipped + content[middle + 1 :]
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        start = int(span[1]) if span else 0
        end = int(span[2]) + 1 if span and span[2] else len(content)
        headers = {
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "ETag": f'"{entry["lfs"]["oid"] if "lfs" in entry else entry["oid"]}"',
            "Content-Length": str(len(content[start:end])),
        }
        if "lfs" in entry:
            headers["X-Linked-Etag"] = headers["ETag"]
            headers["X-Linked-Size"] = str(len(content))
        headers |= faults.headers
        if span:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
        moved = name in faults.signed and not (self.headers["Host"] or "").startswith("localhost")
        if moved:
            port = self.server.server_address[1]
            address = f"http://localhost:{port}{self.path}?X-Amz-Signature={SIGNATURE}"
            headers |= {"Location": address, "Content-Length": "0"}
        self.send_response(302 if moved else 206 if span else 200)
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        if moved or self.command == "HEAD":
            return None
        self.hub.sent.append((name, start))
        if name in faults.cut | faults.cut_once | faults.stalled:
            faults.cut_once.discard(name)
            self.wfile.write(content[start : start + (end - start) // 2])
            self.wfile.flush()
            self.close_connection = True
            if name in faults.stalled:
                self.hub.stopping.wait(60)
            return None
        self.wfile.write(content[start:end])
        return None

    def _send_json(
        self, document: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        headers = {"Content-Type": "application/json", **(headers or {})}
        for key, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _fail(self, status: int, code: str | None, headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Code": code} if code else {}
        self._send_json({"error": code or "refused"}, status, {**named, **(headers or {})})


def _due(faults: dict[str, int], path: str) -> bool:
    """Tell whether one of `faults` is due on this path, and count it down."""
    for part, times in faults.items():
        if part in path and times > 0:
            faults[part] -= 1
            return True
    return False


def _is_revision(revision: str | None) -> bool:
    return revision in (None, "main") or re.fullmatch(r"[0-9a-f]{40}", revision or "") is not None


def _entry(path: Path, name: str) -> dict[str, Any]:
    """Return a file as the hub's tree lists it."""
    content = path.read_bytes()
    blob = b"blob %d\0" % len(content) + content
    size = len(content)
    entry: dict[str, Any] = {"type": "file", "path": name, "size": size}
    entry["oid"] = hashlib.sha1(blob).hexdigest()
    if path.suffix in _LARGE:
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "size": size, "pointerSize": 134}
    return entry


def _tree(files: dict[str, Path], inside: str, recursive: bool) -> list[dict[str, Any]]:
    """Return the entries below the folder `inside`, its subfolders too."""
    listed: dict[str, dict[str, Any]] = {}
    start = f"{inside}/" if inside else ""
    for name, path in files.items():
        if not name.startswith(start):
            continue
        parts = name[len(start) :].split("/")
        for depth in range(1, len(parts)):
            folder = start + "/".join(parts[:depth])
            if recursive or depth == 1:
                listed[folder] = {"type": "directory", "path": folder, "oid": REVISION, "size": 0}
        if recursive or len(parts) == 1:
            listed[name] = _entry(path, name)
    return list(listed.values())
