"""The model card: what the model is, how good, and what it must not be used for."""

from typing import Any

from edge.emotions import EMOTIONS
from train.metrics import Scores

_TEXT = """# {name}

A face in, seven probabilities out: {classes}. MobileNetV2 {alpha:g}, {input_size}×{input_size} RGB pixels in,
{resolution}×{resolution} inside; made on {created} by `make train` and `make export`.

## Use

For boards and laptops that shall react to what a face shows: toys, art, research, accessibility. It names
**expressions**, as a crowd named them in photographs. Expressions are not feelings: people smile when they are sad and
frown when they think.

It must not be used to infer emotions of people at work or in education, which the European Union's AI Act prohibits
(Regulation (EU) 2024/1689, Article 5(1)(f)), nor to judge, rank or select anybody.

## How it was trained

On {data}{votes}, {epochs} epochs, the best by validation accuracy being number {best}. The training split gave the
weights, the validation split the choice of the epoch and the temperature ({temperature:.2f}, folded into the last
layer). The configuration and the data's fingerprints are in `manifest.json`.

## How good it is

On `{split}`, {images:,} images by the folder's labels{crowd_images}.

{variants}

The int8 variant, class by class:

{classes_table}

Its confusion matrix (rows: true; columns: answered; {truth}):

{confusion}

## Known limits

- Rare classes are the weakest: see their recall above before relying on them.
- Nothing here was measured by age, gender or skin tone.
- Faces turned far to the side, or covered, are not what the training crops show.
{limits}"""


_FER_LIMITS = """\
- FER-2013 was collected by web search: posed and acted faces, few children and old people, an unknown and
  uneven mix of skin tones, mostly good light.
- Its labels are noisy: folder labels and the crowd's majority agree on about two images in three.

## Data and licence

FER-2013's images come from the web and are meant for research; no image is part of this bundle. The FER+ votes are
Microsoft's, under the MIT licence.
"""


def model_card(manifest: dict[str, Any], int8: dict[str, Scores]) -> str:
    """The card in Markdown.

    Args:
        manifest: of the bundle, complete.
        int8: scores of the int8 variant by kind of label, `folder` and perhaps `crowd`.
    """
    training, crowd = manifest["training"], int8.get("crowd")
    soft = training["config"]["labels"] == "soft"
    source = manifest["data"].get("source", "images in class folders")
    fer = source.lower().startswith("fer")
    return _TEXT.format(
        name=manifest["name"],
        classes=", ".join(EMOTIONS),
        alpha=training["config"]["alpha"],
        input_size=manifest["input_size"],
        resolution=manifest["resolution"],
        created=manifest["created"],
        data="FER-2013 (Goodfellow et al. 2013, arXiv 1307.0414)" if fer else f"`{source}`",
        votes=" with the FER+ votes as soft labels (Barsoum et al. 2016, arXiv 1608.01041)" if soft and fer else "",
        epochs=training["epochs"],
        best=training["best_epoch"],
        temperature=manifest["temperature"],
        split=manifest["split"],
        images=int8["folder"].images,
        crowd_images=f" and {crowd.images:,} by the FER+ majority" if crowd else "",
        variants=_variants_table(manifest["variants"]),
        classes_table=_classes_table(int8),
        truth="FER+ majority" if crowd else "folder labels",
        confusion=_confusion_table(crowd or int8["folder"]),
        limits=_FER_LIMITS if fer else "",
    )


def _variants_table(variants: dict[str, Any]) -> str:
    header = ["variant", "MB", "folder accuracy", "macro-F1", "FER+ accuracy", "macro-F1", "same label as float32"]
    rows = [
        [
            name,
            f"{v['bytes'] / 1e6:.2f}",
            *(f"{v['folder'][k]:.1%}" for k in ("accuracy", "macro_f1")),
            *(f"{v['crowd'][k]:.1%}" if v["crowd"] else "–" for k in ("accuracy", "macro_f1")),
            f"{v['parity']['agreement']:.1%}",
        ]
        for name, v in variants.items()
    ]
    return _table(header, rows)


def _classes_table(kinds: dict[str, Scores]) -> str:
    titles = {"folder": "folder", "crowd": "FER+"}
    header = ["class", *(f"{titles[k]} {what}" for k in kinds for what in ("precision", "recall", "images"))]
    rows = [
        [
            name,
            *(cell for s in kinds.values() for cell in (f"{s.precision[i]:.1%}", f"{s.recall[i]:.1%}", s.support[i])),
        ]
        for i, name in enumerate(EMOTIONS)
    ]
    return _table(header, rows)


def _confusion_table(scores: Scores) -> str:
    return _table(["", *EMOTIONS], [[name, *row] for name, row in zip(EMOTIONS, scores.confusion, strict=True)])


def _table(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
