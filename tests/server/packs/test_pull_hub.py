"""The hub as a pull meets it: models by their names, other answers than its own, tokens."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from fakes.air_pack import ACCEPT, Out, content, run
from fakes.sources import COMMIT, Sources

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("packs")]


def test_xet_is_not_in_the_way(sources: Sources, capsys: Out) -> None:
    sources.xet = True
    run(capsys, "pull", "air", *ACCEPT)
    assert not any("xet" in line for line in sources.asked)


def test_a_token_goes_to_the_hub_alone(sources: Sources, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    run(capsys, "pull", "air", *ACCEPT)
    assert {host for host, _ in sources.tokens} == {sources.hub_url.removeprefix("http://")}
    assert {token for _, token in sources.tokens} == {"Bearer hf_secret"}


def test_a_model_of_the_hub_by_its_name(sources: Sources, capsys: Out) -> None:
    sources.licences["facebook/mg"] = None
    error = run(capsys, "pull", "hub:facebook/mg", code=2)["error"]
    assert "none-stated" in error["message"]
    (row,) = run(capsys, "pull", "hub:facebook/mg", "--accept", "none-stated")["packs"]
    assert (row["name"], row["text"], row["engines"]) == ("mg", True, ["inpaint"])
    assert run(capsys, "pull", "hub:facebook/../x", code=2)["error"]["code"] == "bad_setting"
    assert "no model that Punchin knows" in _only_readme(sources, capsys)


def _only_readme(sources: Sources, capsys: Out) -> str:
    sources.files["a/b", "README.md"] = b"text"
    return str(run(capsys, "pull", "hub:a/b", code=3)["error"]["message"])


FILES = [{"rfilename": name, "size": 5, "blobId": "0" * 40} for name in ("config.json", "model.safetensors")]


@pytest.mark.parametrize(
    "answer",
    [
        b"[" * 100_000,
        {"siblings": ["config.json"]},
        {"siblings": [FILES[0] | {"lfs": "x"}]},
        {"siblings": [FILES[0] | {"size": -5}]},
        {"siblings": FILES, "config": ["musicgen"]},
        {"siblings": FILES, "cardData": "mit"},
        {"siblings": FILES, "sha": "main"},
    ],
)
def test_a_hub_that_answers_otherwise(capsys: Out, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    text = answer if isinstance(answer, bytes) else json.dumps({"sha": COMMIT} | answer).encode()
    monkeypatch.setattr("punchin_server.packs.web.open_url", lambda *_: io.BytesIO(text))
    error = run(capsys, "pull", "hub:a/b", code=5)["error"]
    assert "other than expected" in error["message"]


def test_a_hub_with_names_that_leave(sources: Sources, capsys: Out) -> None:
    """And with several licences, which its authors may write as a list."""
    evil = ("../x.json", "/etc/x.json", "C:\\x.json", "\\\\host\\x.json", "\x1b[31mx.json", "x\n.json")
    for name in ("config.json", "model.safetensors", *evil):
        sources.files["a/b", name] = content(name)
    sources.licences["a/b"] = ["mit", "cc-by-nc-4.0"]  # type: ignore[assignment]
    plan = run(capsys, "pull", "hub:a/b", "--dry-run")["plan"]
    assert [file["name"] for file in plan["files"]] == ["a/b/config.json", "a/b/model.safetensors"]
    assert plan["to_accept"] == ["MIT and CC-BY-NC-4.0"]


@pytest.mark.parametrize("address", ["huggingface.co", "http://[x", "http://"])
def test_a_hub_whose_address_is_none(capsys: Out, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    assert run(capsys, "pull", "air", code=5)["error"]["code"] == "source_unreachable"
