"""The model card: description, results, limits and excluded uses of the model."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge.base.settings import Smoothing
from edge.base.text_table import NO_VALUE, table
from edge.model.manifest import LabelSet
from export.figures import RELIABILITY, RISK_COVERAGE, ROBUSTNESS
from train.evaluation.evaluate import LABEL_TITLES
from train.evaluation.measure import Measured
from train.evaluation.metrics import Scores
from train.evaluation.portraits.report import NOT_MEASURED
from train.evaluation.robustness import UNITS

SHOWN_THRESHOLDS = (Smoothing().unsure_below, 0.5, 0.7, 0.9)

FALL = 0.1
"""Loss of accuracy from which a disturbance is listed as a limit."""

_GRADES = {
    "darkness": ("with {:.0%} of the light{}", " or less"),
    "contrast": ("with {:.0%} of the contrast{}", " or less"),
    "blur": ("with a blur of sigma {:g}{} on a 48-pixel face", " or more"),
    "noise": ("with noise of {:g} grey levels{}", " or more"),
    "jpeg": ("at JPEG quality {:g}{}", " or lower"),
    "face_size": ("at {:g} pixels of face{}", " or fewer"),
    "rotation": ("turned in the plane by {:g}°{}", " or more"),
    "eyes": ("with a band of {:.0%} of the height{} across the eyes", " or more"),
    "mouth": ("with a band of {:.0%} of the height{} across the mouth", " or more"),
}
"""Phrase for a grade of each disturbance, and the words for grades beyond it."""

_TEXT = """# {name}

A face in, {count} probabilities out: {classes}. MobileNetV2 {alpha:g}, {input_size}×{input_size} RGB pixels in,
{resolution}×{resolution} inside{views}; made on {created} by `make train` and `make export`.

## Use

For boards and laptops that shall react to what a face shows: toys, art, research, accessibility. It names
**expressions**, as people named them in photographs. Expressions are not feelings: people smile when they are sad and
frown when they think.

It must not be used to infer emotions of people at work or in education, which the European Union's AI Act prohibits
(Regulation (EU) 2024/1689, Article 5(1)(f)), nor to judge, rank or select anybody.

## How it was trained

On {data}, {epochs} epochs on top of {start}, the best by
validation accuracy being number {best}. {learnt}{taught}

The training split gave the weights, the validation split the choice of the epoch, the temperature and the logit
adjustment. The configuration and the data's fingerprints are in `manifest.json`.

## How good it is

On `{split}`, {images}.

{variants}

{classes_tables}

The confusion matrix of {small} (rows: true; columns: answered; {own}):

{confusion}

## Confidence

The temperature {temperature:.2f}, fitted on the validation split, is folded into the last layer (Guo et al. 2017,
arXiv 1706.04599).{balance} The expected calibration error that is left on `{split}`, in 15 bins ({own}):

{calibration}

![Accuracy by confidence, which it should equal]({reliability})

The edge names no expression below a confidence of {threshold:g}. On the split's single pictures, {small} then gives
{coverage:.1%} of the faces an answer and is right in {answered_accuracy} of these. A higher threshold buys accuracy
with silence:

{thresholds}

![Accuracy of the answers by the share that gets one]({risk_coverage})

## Robustness

Accuracy ({own}) on {robustness_images:,} images drawn at random, as one thing at a time gets worse. What
is disturbed is the crop that the model takes; where the detector finds landmarks, the edge has turned a tilted head
upright before that. Always answering *{commonest}* would be right in {commonest_share:.1%}.

{robustness}

![Accuracy by grade of disturbance]({robustness_figure})

## Known limits

{limits}
- Real bad light was not measured: the images were only darkened.
- Faces turned to the side were not measured.
{data_limits}
{people}
{licence}"""


FER_2013 = "FER-2013"
"""The data set whose origin, terms and known problems the card describes."""

_LEARNT = {
    "ferplus": "the votes of FER+ (Barsoum et al. 2016, arXiv 1608.01041)",
    "fer2013": "the labels of FER-2013",
    "folder": "the labels of the class folders",
}
_SHORT = {"ferplus": "FER+", "fer2013": "FER-2013", "folder": "the folders"}

_COUNTS = dict(enumerate(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"), start=2))

_STARTED_FROM = {"imagenet": "weights of ImageNet", "none": "weights at random"}

_BALANCE = """
So is a logit adjustment of {:g} in favour of rare classes (Menon et al. 2020, arXiv 2007.07314)."""

_FER_LIMITS = """\
- FER-2013 was collected by web search: posed and acted faces, few children and old people, an unknown and
  uneven mix of skin tones, mostly good light.
- Its labels are noisy: those of FER-2013 and the majority of FER+ agree on about two images in three.
"""

_FER_LICENCE = """\
## Data and licence

FER-2013's images were collected by web search by Pierre-Luc Carrier and Aaron Courville for the Kaggle contest
'Challenges in Representation Learning' of 2013. They come from the web and are meant for research; no image is part of
this bundle. The FER+ votes are Microsoft's, under the MIT licence.

The weights are published under the Apache License 2.0. `models/PROVENANCE.md` in the repository lists where data and
weights come from, and whose rights are unresolved.
"""


def model_card(manifest: Mapping[str, Any], measured: Mapping[str, Measured]) -> str:
    """Return the card in Markdown, with relative links to the pictures of `export.figures`.

    Args:
        manifest: of the bundle, complete.
        measured: by variant, float32 first and int8, which boards run, last.
    """
    training, names = manifest["training"], manifest["classes"]
    small, m = list(measured.items())[-1]
    scores = m.scores[m.labels]
    fer = manifest["data"].get("dataset") == FER_2013
    default = next(a for a in m.risk_coverage if a.threshold == Smoothing().unsure_below)
    return _TEXT.format(
        name=manifest["name"],
        count=_COUNTS.get(len(names), len(names)),
        classes=", ".join(names),
        alpha=training["config"]["alpha"],
        input_size=manifest["input_size"],
        resolution=manifest["resolution"],
        views=", where it looks at the face and at its mirror image" if manifest["mirror"] else "",
        created=manifest["created"],
        data=_data(manifest["data"], fer),
        start=_STARTED_FROM.get(training["weights"], f"what `{training['weights']}` had learnt"),
        learnt=_learnt(training["config"]["labels"], manifest["labels"]),
        taught=_taught(training["config"]),
        epochs=training["epochs"],
        best=training["best_epoch"],
        temperature=manifest["temperature"],
        balance=_BALANCE.format(manifest["logit_adjustment"]) if manifest["logit_adjustment"] else "",
        split=manifest["split"],
        images=" and ".join(
            f"{s.images:,} images by the {LABEL_TITLES[label_set]}" for label_set, s in m.scores.items()
        ),
        variants=_variants_table(manifest["variants"]),
        classes_tables="\n\n".join(_classes_table(label_set, measured, names) for label_set in _own_first(m)),
        small=small,
        own=LABEL_TITLES[m.labels],
        confusion=_confusion_table(scores, names),
        calibration=_calibration_table(manifest["variants"], m.labels),
        threshold=default.threshold,
        coverage=default.coverage,
        answered_accuracy=_share(default.accuracy),
        thresholds=_thresholds_table(measured),
        robustness_images=m.robustness_images,
        commonest=names[_commonest(scores)],
        commonest_share=max(scores.support) / scores.images,
        robustness=_robustness_tables(measured),
        limits="\n".join(f"- {sentence}" for sentence in _limits(measured, names)),
        data_limits=_FER_LIMITS if fer else "",
        people=NOT_MEASURED,
        licence=_FER_LICENCE if fer else "",
        reliability=RELIABILITY,
        risk_coverage=RISK_COVERAGE,
        robustness_figure=ROBUSTNESS,
    )


def _data(data: Mapping[str, Any], fer: bool) -> str:
    if fer:
        return "FER-2013 (Goodfellow et al. 2013, arXiv 1307.0414)"
    return f"`{data['source']}`" if "source" in data else "images in class folders"


def _learnt(label_sets: Sequence[str], own: str) -> str:
    """Describe the label sets of the training, and that of this bundle."""
    learnt = " and ".join(_LEARNT[label_set] for label_set in label_sets)
    if len(label_sets) == 1:
        return f"It learnt {learnt}."
    return f"It learnt\n{learnt}\nat once, by two heads on one backbone; this bundle has the head of {_SHORT[own]}."


def _taught(config: Mapping[str, Any]) -> str:
    if not config["teachers"]:
        return ""
    teachers = ", ".join(f"`{teacher}`" for teacher in config["teachers"])
    return f"\nOf each label, {config['teacher_share']:.0%} is what {teachers} answered."


def _own_first(measured: Measured) -> list[LabelSet]:
    return sorted(measured.scores, key=lambda label_set: label_set != measured.labels)


def _variants_table(variants: Mapping[str, Any]) -> str:
    label_sets = list(variants["float32"]["scores"])
    scores = [column for label_set in label_sets for column in (f"accuracy, {LABEL_TITLES[label_set]}", "macro-F1")]
    header = ["variant", "MB", *scores, "same label as float32"]
    rows = [
        [
            name,
            f"{v['bytes'] / 1e6:.2f}",
            *(f"{v['scores'][label_set][k]:.1%}" for label_set in label_sets for k in ("accuracy", "macro_f1")),
            f"{v['parity']['agreement']:.1%}",
        ]
        for name, v in variants.items()
    ]
    return table(header, rows, markdown=True)


def _classes_table(label_set: LabelSet, measured: Mapping[str, Measured], names: Sequence[str]) -> str:
    by_variant = {variant: m.scores[label_set] for variant, m in measured.items()}
    small, scores = list(by_variant.items())[-1]
    header = ["class", "images", *(f"recall, {v}" for v in by_variant), f"precision, {small}", f"F1, {small}"]
    rows = [
        [
            name,
            f"{scores.support[i]:,}",
            *(f"{s.recall[i]:.1%}" for s in by_variant.values()),
            f"{scores.precision[i]:.1%}",
            f"{scores.f1[i]:.1%}",
        ]
        for i, name in enumerate(names)
    ]
    return f"Class by class ({LABEL_TITLES[label_set]}):\n\n{table(header, rows, markdown=True)}"


def _confusion_table(scores: Scores, names: Sequence[str]) -> str:
    rows = [[name, *map(str, row)] for name, row in zip(names, scores.confusion, strict=True)]
    return table(["", *names], rows, markdown=True)


def _calibration_table(variants: Mapping[str, Any], label_set: str) -> str:
    rows = [[name, f"{v['scores'][label_set]['calibration_error']:.1%}"] for name, v in variants.items()]
    return table(["variant", "calibration error"], rows, markdown=True)


def _thresholds_table(measured: Mapping[str, Measured]) -> str:
    header = ["threshold", *(f"{variant}, {what}" for variant in measured for what in ("answered", "of them right"))]
    rows = []
    for threshold in SHOWN_THRESHOLDS:
        at = [next(a for a in m.risk_coverage if a.threshold == threshold) for m in measured.values()]
        rows.append([f"{threshold:g}", *(cell for a in at for cell in (_share(a.coverage), _share(a.accuracy)))])
    return table(header, rows, markdown=True)


def _robustness_tables(measured: Mapping[str, Measured]) -> str:
    curves = {variant: m.robustness for variant, m in measured.items()}
    first = next(iter(curves.values()))
    return "\n\n".join(
        table(
            [UNITS[name], *(f"{grade:g}" for grade, _ in first[name])],
            [[variant, *(_share(accuracy) for _, accuracy in c[name])] for variant, c in curves.items()],
            markdown=True,
        )
        for name in first
    )


def _limits(measured: Mapping[str, Measured], names: Sequence[str]) -> list[str]:
    """List the limits that the results show, in sentences about the last variant."""
    m = list(measured.values())[-1]
    return [
        _weakest_class(m.scores[m.labels], names),
        *(_fall(name, curve) for name, curve in m.robustness.items()),
        _widest_gap(measured),
    ]


def _weakest_class(scores: Scores, names: Sequence[str]) -> str:
    weakest = min((i for i in range(len(names)) if scores.support[i]), key=lambda i: scores.recall[i])
    missed = [0 if i == weakest else count for i, count in enumerate(scores.confusion[weakest])]
    found = f"{scores.recall[weakest]:.0%} of its images ({scores.support[weakest]:,}) are recognized"
    if not any(missed):
        return f"The weakest class is *{names[weakest]}*: {found}."
    rival = names[missed.index(max(missed))]
    return f"The weakest class is *{names[weakest]}*: {found}, the others are most often taken for *{rival}*."


def _fall(name: str, curve: Sequence[tuple[float, float]]) -> str:
    """Name the grade from which a disturbance costs more than `FALL`, or the loss at its strongest grade."""
    phrase, beyond = _GRADES[name]
    undisturbed = curve[0][1]
    last_good = max(i for i, (_, accuracy) in enumerate(curve) if undisturbed - accuracy <= FALL)
    if last_good == len(curve) - 1:
        grade, accuracy = curve[-1]
        return f"Even {phrase.format(grade, '')}, accuracy is {accuracy:.0%} instead of {undisturbed:.0%}."
    grade, accuracy = curve[last_good + 1]
    where = phrase.format(grade, beyond)
    fall = f"accuracy falls by more than {FALL * 100:.0f} points"
    return f"{where[0].upper()}{where[1:]}, {fall}: {accuracy:.0%} instead of {undisturbed:.0%}."


def _widest_gap(measured: Mapping[str, Measured]) -> str:
    """Describe the largest difference between the first and the last variant under disturbances."""
    (large, first), (small, last) = next(iter(measured.items())), list(measured.items())[-1]
    pairs = [
        (name, grade, reference, accuracy)
        for name, curve in first.robustness.items()
        for (grade, reference), (_, accuracy) in zip(curve, last.robustness[name], strict=True)
    ]
    name, grade, reference, accuracy = max(pairs, key=lambda pair: abs(pair[2] - pair[3]))
    where = _GRADES[name][0].format(grade, "")
    return f"{small} is furthest from {large} {where}: {accuracy:.0%} instead of {reference:.0%}."


def _commonest(scores: Scores) -> int:
    return scores.support.index(max(scores.support))


def _share(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:.1%}"
