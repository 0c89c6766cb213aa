"""Where models lie in the Hugging Face cache, in its own layout, so that every program shares one copy. Opens no
sockets; knows no torch.

    HF_HUB_CACHE/models--OWNER--NAME/blobs/<sha256, or git's sha1 of a small file>
                                     snapshots/<commit>/<path>     a link to the blob
                                     refs/main                     the commit that was `main` when last asked
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from punchin_wire.disk import OWN_FOLDER, make_folder, replacing
from punchin_wire.errors import PackMissing
from punchin_wire.paths import packs_folder

from . import catalog

COMMIT = re.compile(r"[0-9a-f]{40}")
CACHES = ".caches"
"""In the packs folder: where the cache was, a line each."""
MOST_CACHES = 8
OTHER_CACHE = "Give yourself the right to write there, or set HF_HOME or HF_HUB_CACHE to another folder."
"""The next step where a file of the cache cannot be written: PUNCHIN_HOME does not move it."""


def cache() -> Path:
    """The folder of the cache, as HF_HOME, HF_HUB_CACHE or the library itself say."""
    # Lazy: packs that carry their own files never need it.
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def if_refused(path: Path) -> str:
    """The next step where `path`, of the cache or of Punchin's own folders, cannot be written."""
    return OTHER_CACHE if path.is_relative_to(cache()) else OWN_FOLDER


def remember_cache() -> None:
    """Note where the cache is for programs that are not told: HF_HOME is set in a shell, and a DAW that the desktop
    started, with all that it starts, has it not. Raises BadSetting."""
    known = _remembered()
    if (here := cache()) not in known:
        make_folder(packs_folder(), OWN_FOLDER)
        with replacing(packs_folder() / CACHES, durable=True, next_step=OWN_FOLDER) as file:
            file.write("\n".join(map(str, [here, *known][:MOST_CACHES])).encode())


def _remembered() -> list[Path]:
    try:
        text = (packs_folder() / CACHES).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    return [Path(line) for line in text.splitlines() if line]


def repo_folder(repo: str) -> Path:
    """The folder of `repo` (`OWNER/NAME`) in the cache."""
    return cache() / _folder_name(repo)


def _folder_name(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"


def cached_file(repo: str, commit: str, path: str) -> Path:
    """Where a file of `repo` lies, if it does: in the cache, or in one that was it when a pack was pulled."""
    inside = Path(_folder_name(repo), "snapshots", commit, path)
    places = [folder / inside for folder in (cache(), *_remembered())]
    return next((place for place in places if place.exists()), places[0])


def blob(repo: str, name: str) -> Path:
    """Where a file's content lies, if it does."""
    return repo_folder(repo) / "blobs" / name


def lock_file(repo: str, name: str) -> Path:
    """Who holds this writes the blob `name`; the library's own downloads hold it, too."""
    return cache() / ".locks" / repo_folder(repo).name / f"{name}.lock"


def blobs_called(name: str) -> Iterator[Path]:
    """Every file of the cache with this content, whatever model it belongs to."""
    yield from cache().glob(f"models--*/blobs/{name}")


def link(repo: str, commit: str, path: str, name: str) -> None:
    """Make the blob `name` known as `path` of `commit`, as the library does: by a link, or by moving it where there are
    none (Windows without developer mode)."""
    to = repo_folder(repo) / "snapshots" / commit / path
    if to.is_file():
        return
    make_folder(to.parent, OTHER_CACHE)
    to.unlink(missing_ok=True)  # a link whose blob was taken away
    content = blob(repo, name)
    try:
        to.symlink_to(os.path.relpath(content, to.parent))
    except OSError:
        os.replace(content, to)


def drop_empty(folder: Path) -> None:
    """Take away a folder of the cache that holds nothing, and those above it that then hold nothing."""
    while folder != cache() and folder.is_relative_to(cache()) and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def name_commit(repo: str, ref: str, commit: str) -> None:
    """Note that `ref` (a branch or tag) was `commit`, as the library does: others then find it without network."""
    file = repo_folder(repo) / "refs" / ref
    if file.is_file() and file.read_bytes() == commit.encode():
        return
    make_folder(file.parent, OTHER_CACHE)
    with replacing(file, durable=False, next_step=OTHER_CACHE) as written:
        written.write(commit.encode())


def commit_of(folder: Path) -> str:
    """The commit of the model that :func:`cached_folder` found: the cache names its folders so."""
    return folder.name


def cached_folder(repo_id: str, revision: str | None = None) -> Path:
    """The folder of `repo_id` (for example `facebook/encodec_32khz`) in the hub's cache.

    Raises PackMissing when the model, or that revision of it, was never downloaded.
    """
    if revision and COMMIT.fullmatch(revision):  # a pulled pack's, whose files its manifest lists
        folder = cached_file(repo_id, revision, "")
        if not folder.is_dir():
            raise _missing(repo_id)
        return folder
    # Lazy: huggingface_hub costs a third of a second, and packs that carry their own files never need it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repo_id, revision=revision, local_files_only=True))
    except HFValidationError as error:
        raise PackMissing(f"{repo_id!r} is neither a folder nor the name of a model.") from error
    except LocalEntryNotFoundError as error:
        raise _missing(repo_id) from error


def _missing(repo: str) -> PackMissing:
    return PackMissing(
        f"The model {repo} is not on this computer.",
        catalog.pull_with(repo) or f"Download it once with `hf download {repo}`.",
    )
