"""Every parameter of a take: what it is, its default and its values. Made by scripts/update_docs.py from
punchin_wire/params.py; edit it there."""

from __future__ import annotations

from typing import Any

# generated: params
PARAMS: dict[str, dict[str, Any]] = {
    "takes": {
        "text": "How many takes are made.",
        "engines": ("inpaint", "transfer"),
        "default": 1,
        "low": 1,
        "high": 16,
        "whole": True,
    },
    "seed": {
        "text": "Seed of the first take; the next takes have the next seeds.",
        "engines": ("inpaint", "transfer"),
        "default": -1,
        "low": 0,
        "high": 9007199254740992,
        "whole": True,
    },
    "pack": {
        "text": "Model pack.",
        "engines": ("inpaint", "transfer"),
        "default": "tiny",
        "length": 64,
    },
    "text": {
        "text": "What new takes should sound like, for packs that read text.",
        "engines": ("inpaint",),
        "default": "",
        "length": 500,
    },
    "temperature": {
        "text": "How daring new takes are.",
        "engines": ("inpaint",),
        "default": 1.0,
        "low": 0.0,
        "high": 10.0,
        "whole": False,
    },
    "top_k": {
        "text": "How many tokens may follow one another: fewer are safer, 0 is no limit.",
        "engines": ("inpaint",),
        "default": 250,
        "low": 0,
        "high": 65536,
        "whole": True,
    },
    "text_guidance": {
        "text": "How strictly the text is followed (CFG scale); 1 is without guidance.",
        "engines": ("inpaint",),
        "default": 3.0,
        "low": 0.0,
        "high": 30.0,
        "whole": False,
    },
    "chord": {
        "text": "How much takes follow the chords; 0 is not at all.",
        "engines": ("inpaint",),
        "default": 1.0,
        "low": 0.0,
        "high": 4.0,
        "whole": False,
    },
    "drums": {
        "text": "How much takes follow the drums; 0 is not at all.",
        "engines": ("inpaint",),
        "default": 1.0,
        "low": 0.0,
        "high": 4.0,
        "whole": False,
    },
    "piano": {
        "text": "How much takes follow the piano part; 0 is not at all.",
        "engines": ("inpaint",),
        "default": 1.0,
        "low": 0.0,
        "high": 4.0,
        "whole": False,
    },
    "chord_rhythm": {
        "text": "How chords fall on beats: clean, or compat as the published adapters were trained.",
        "engines": ("inpaint",),
        "default": "pack",
        "choices": ("clean", "compat"),
    },
    "to": {
        "text": "What the clip becomes: violin, or a whole sentence.",
        "engines": ("transfer",),
        "default": "",
        "length": 500,
    },
    "source": {
        "text": "What plays in the clip now: piano.",
        "engines": ("transfer",),
        "default": "",
        "length": 500,
    },
    "negative": {
        "text": "What takes keep away from.",
        "engines": ("transfer",),
        "default": "",
        "length": 500,
    },
    "task": {
        "text": "What kind of transfer.",
        "engines": ("transfer",),
        "default": "timbre",
        "choices": ("timbre", "genre", "accompaniment"),
    },
    "pooling_time": {
        "text": "ω in time: how loosely the clip's rhythm is kept.",
        "engines": ("transfer",),
        "default": 2,
        "choices": (1, 2, 4, 8),
    },
    "pooling_frequency": {
        "text": "ω in frequency: how loosely the clip's pitch is kept.",
        "engines": ("transfer",),
        "default": 2,
        "choices": (1, 2, 4, 8),
    },
    "alpha": {
        "text": "α: the weight of the clip.",
        "engines": ("transfer",),
        "default": 0.5,
        "low": 0.0,
        "high": 4.0,
        "whole": False,
    },
    "guidance": {
        "text": "λ: the weight of the texts (CFG scale); 1 and below go without the negative text.",
        "engines": ("transfer",),
        "default": 7.5,
        "low": 0.0,
        "high": 30.0,
        "whole": False,
    },
    "scheduler": {
        "text": "The solver that takes the noise away.",
        "engines": ("transfer",),
        "default": "pack",
        "choices": ("ddim", "dpm++", "unipc"),
    },
    "steps": {
        "text": "Steps of the solver.",
        "engines": ("transfer",),
        "default": 0,
        "low": 1,
        "high": 1000,
        "whole": True,
    },
    "method": {
        "text": "Whether the adapter hears the clip, or sdedit starts from it, the paper's baseline.",
        "engines": ("transfer",),
        "default": "adapter",
        "choices": ("adapter", "sdedit"),
    },
    "strength": {
        "text": "The share of noise that sdedit starts from.",
        "engines": ("transfer",),
        "default": 0.55,
        "low": 0.0,
        "high": 1.0,
        "whole": False,
    },
}
# end: params
