"""A sweep is a grid of parameters, small and known to be good before anything is made; its findings are three files."""

import json
from pathlib import Path

import msgspec
import pytest
from punchin_bridge.takes import sweep, sweep_files
from punchin_bridge.takes.report import RegionReport, Report, TransferSettings, TransferTake
from punchin_wire.errors import BadSetting
from punchin_wire.params import TransferParams


def test_words_become_axes() -> None:
    words = ["pooling=1,2,4x2", "alpha=.3, 0.5", "scheduler=ddim,dpm++", "steps=10", "method=sdedit"]
    assert [(axis.name, axis.values) for axis in sweep.axes(words)] == [
        ("pooling", ((1, 1), (2, 2), (4, 2))),
        ("alpha", (0.3, 0.5)),
        ("scheduler", ("ddim", "dpm++")),
        ("steps", (10,)),
        ("method", ("sdedit",)),
    ]
    assert sweep.axes(["guidance=1,1.0,01"])[0].values == (1.0,)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["tempo=1"],
        ["alpha"],
        ["alpha="],
        ["alpha=.3,"],
        ["alpha=loud"],
        ["alpha=null"],
        ["alpha=9"],
        ["task=timbre"],
        ["pooling=3"],
        ["steps=1.5"],
        ["scheduler=euler"],
        ["method=none"],
        ["alpha=.1", "alpha=.2"],
        ["steps=" + ",".join(map(str, range(1, 66)))],
        ["pooling=1,2,4,8", "alpha=.1,.2,.3,.4", "steps=1,2,3,4,5"],
    ],
)
def test_bad_words_are_refused(words: list[str]) -> None:
    with pytest.raises(BadSetting):
        sweep.axes(words)


def test_sixty_four_points_are_a_grid() -> None:
    base = TransferParams("violin", guidance=3.0)
    points = sweep.grid(sweep.axes(["pooling=1,2,4,8", "alpha=.1,.2,.3,.4", "steps=1,2,3,4"]), base)
    assert len(points) == len({point.label for point in points}) == 64
    assert [point.swept["steps"] for point in points[:5]] == [1, 2, 3, 4, 1]
    assert points[-1].params == TransferParams("violin", pooling=(8, 8), alpha=0.4, guidance=3.0, steps=4)
    assert points[0].label == "pooling1_alpha0.1_steps1"


def test_labels_are_file_names() -> None:
    [point] = sweep.grid(sweep.axes(["scheduler=dpm++", "pooling=4x2"]), TransferParams("violin"))
    assert point.label == "schedulerdpmpp_pooling4x2"


def test_a_parameter_is_set_or_swept() -> None:
    with pytest.raises(BadSetting, match="--alpha is set and swept"):
        sweep.grid(sweep.axes(["alpha=.1,.2"]), TransferParams("violin", alpha=0.5))


# ---- files ---------------------------------------------------------------------------------------------------


def report(point: sweep.Point, fidelity: float | None, clap: float | None, takes: int = 1) -> Report:
    settings = TransferSettings(
        task="timbre", prompt="a | recording", negative_prompt="Low quality", pooling=(2, 2), alpha=0.5, guidance=7.5,
        highband="extend", width="replaced",
    )  # fmt: skip
    scores = {} if clap is None else {"clap": clap, "notes": 0.5, "frames": 0.6}
    made = tuple(
        TransferTake(f"/out/{point.label}_{seed}.wav", seed, {}, (), fidelity=fidelity, scores=scores)
        for seed in range(takes)
    )
    notes = () if clap is not None else ("nothing hears it",)
    region = RegionReport(0, 10, 0.0, 1.0)
    return Report("job1", "/in/clip.wav", 10, region, "tiny", made, {"total": 1.25}, {}, notes, settings)


@pytest.mark.slow
def test_what_was_found_is_a_table_its_data_and_a_plot(tmp_path: Path) -> None:
    points = sweep.grid(sweep.axes(["pooling=1,8", "alpha=.3,.5"]), TransferParams("violin"))
    made = [(point, report(point, 0.9 - 0.1 * n, 0.1 * n, takes=2)) for n, point in enumerate(points)]
    found = sweep_files.write(tmp_path, "clip_violin", 4, made)
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"clip_violin_sweep.{e}" for e in ("json", "md", "png")]
    lines = Path(found.table).read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    measures = ["notes", "tempo", "fidelity", "transferability"]
    assert rows[0] == ["pooling", "alpha", "seed", *measures, "seconds", "file"]
    assert rows[1] == ["1", "0.3", "0", "0.500", "–", "0.900", "0.000", "1.2", "pooling1_alpha0.3_0.wav"]
    assert len(rows) == 1 + 8
    data = json.loads(Path(found.data).read_text())
    assert data == json.loads(json.dumps(msgspec.to_builtins(found)))
    assert data["rows"][7]["swept"] == {"pooling": [8, 8], "alpha": 0.5}
    from matplotlib import image  # half a second of import

    assert image.imread(found.plot).shape[1] == 840


def test_without_scores_the_table_says_why(tmp_path: Path) -> None:
    points = sweep.grid(sweep.axes(["scheduler=ddim,unipc"]), TransferParams("violin"))
    found = sweep_files.write(tmp_path, "clip", 2, [(point, report(point, None, None)) for point in points])
    text = Path(found.table).read_text()
    assert "| ddim | 0 | – | – | – | – | 1.2 |" in text
    assert "nothing hears it" in text
    assert Path(found.plot).exists()


def test_no_file_is_replaced(tmp_path: Path) -> None:
    [point] = sweep.grid(sweep.axes(["steps=3"]), TransferParams("violin"))
    (tmp_path / "clip_sweep.png").write_bytes(b"mine")
    found = sweep_files.write(tmp_path, "clip", 1, [(point, report(point, 1.0, 1.0))])
    assert Path(found.table).name == "clip_sweep_2.md"
    assert (tmp_path / "clip_sweep.png").read_bytes() == b"mine"
