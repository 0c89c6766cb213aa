"""What a run is validated by, on clips that it does not learn from: the loss under ever the same noise, and takes."""

from __future__ import annotations

import sys
from pathlib import Path

import soundfile
import torch
from punchin_server.codecs.mel import SAMPLE_RATE
from punchin_server.engines.transfer.engine import Transfer
from punchin_server.engines.transfer.loading import TransferModels
from punchin_wire.disk import replacing
from punchin_wire.errors import PunchinError
from punchin_wire.frames import describe
from punchin_wire.messages import Take, TakeSpec, TransferRequest

from .captions import Clip
from .clips import Clips, Turns, stream
from .diffusion import POOLINGS
from .learner import loss_of

NEGATIVE = "worst quality, low quality"


@torch.no_grad()
def held_out_loss(models: TransferModels, clips: list[Clip], size: int) -> float:
    """The mean loss of ever the same items of `clips` under the same noise: a batch of `size` with each pooling."""
    batches = stream(Clips(clips, 0), Turns(0, size, 0, 1), workers=0)
    losses = [loss_of(models, batch, pooling).item() for pooling, batch in zip(POOLINGS, batches, strict=False)]
    return sum(losses) / len(losses)


def write_takes(models: TransferModels, clips: list[Clip], folder: Path, step: int) -> None:
    """Transfer some clips by their own captions, one with each pooling, into `stepNNNNNN_NAME_poolingW.wav`.

    A clip that cannot be transferred is named and left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    crops, engine = Clips(clips, 0), Transfer(models)
    for number, pooling in enumerate(POOLINGS):
        crop = crops.crop(number)
        audio = crop.wave[None]
        request = TransferRequest(
            source=describe(audio, SAMPLE_RATE),
            prompt=crop.clip.captions[0],
            negative_prompt=NEGATIVE,
            pooling=(pooling, pooling),
            takes=(TakeSpec(number),),
        )
        try:
            (take,) = (e.audio for e in engine.run(request, [audio]) if isinstance(e.event, Take))
        except PunchinError as error:
            print(f"no take of {crop.clip.path.name}: {error}", file=sys.stderr)
            continue
        assert take is not None
        path = folder / f"step{step:06d}_{crop.clip.path.stem}_pooling{pooling}.wav"
        with replacing(path, durable=False) as file:
            soundfile.write(file, take[0], SAMPLE_RATE, subtype="PCM_24", format="WAV")
