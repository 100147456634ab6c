"""What environments, training and evaluation need to know of a preset: its images, tables, episodes, and how they are coded."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcodec.control.objective import Objective
from rlcodec.control.onnx_policy import Policy
from rlcodec.core.preset_ids import COMPACT, MNIST, PHOTO, preset_by_name
from rlcodec.core.segment_choice import STOP
from rlcodec.envs.batch import Core
from rlcodec.envs.compact.batch import CompactEpisodes
from rlcodec.envs.compact.fit import fit_compact_predictor
from rlcodec.envs.compact.trace import load_compact_trace, trace_compact
from rlcodec.envs.fit import fit_unseen
from rlcodec.envs.mnist.batch import Episodes
from rlcodec.envs.mnist.fit import fit_predictor
from rlcodec.envs.mnist.trace import Trace, build_trace, load_trace, save_trace
from rlcodec.envs.photo.batch import LivePictures, PictureEpisodes
from rlcodec.envs.photo.fit import fit_photo_predictor
from rlcodec.envs.photo.trace import MIDDLE, load_picture_trace, trace_pictures
from rlcodec.envs.sample_images import sample_images, sample_pictures
from rlcodec.envs.trace_file import save_tables
from rlcodec.images.color import ColorImage
from rlcodec.presets.base import Encoded
from rlcodec.presets.compact import decisions as compact
from rlcodec.presets.compact import policy as compact_policy
from rlcodec.presets.compact.weights import load_compact_model
from rlcodec.presets.mnist.encoder import encode_with
from rlcodec.presets.mnist.observation import FIRST_TIER_ACTION, STOP_ACTION, Predictor, layout
from rlcodec.presets.mnist.policy import describe, encode_under_policy, geometry_of
from rlcodec.presets.mnist.weights import Model, load_model
from rlcodec.presets.photo import policy as photo_policy
from rlcodec.presets.photo.decisions import LAYOUT, PhotoPredictor
from rlcodec.presets.photo.weights import load_photo_model


@dataclass(frozen=True)
class Task:
    """A preset as something to learn.

    Attributes:
        model: the preset's weights, with their `preset` and `digest`.
        layout: the observation's fields: name, length, unit and scale.
        samples: makes images for trying things out; DataError where scikit-learn is missing.
        trace: makes tables of images; workers, report, kept and engine as `rlcodec.envs.measure.measure_all`.
        load: reads tables; DataError where the file is no such trace of this codec.
        save: writes tables, whole or not at all.
        fit: fits the encoder's predictions to tables.
        fit_unseen: predictions to train on these very tables with, as little at home there as the others on new images.
        read_predictor: predictions from their JSON; ValueError, KeyError or TypeError on anything else.
        episodes: starts a batch of episodes on tables, with predictions.
        live: starts an episode on an image that the codec measures as it goes, with predictions.
        image: an image of a trace, by its index.
        encode: an image through the real codec, as an episode's legal actions say.
        nothing: what decoders show of an image where nothing was sent.
        under_policy: an image through the real encoder, as a policy chooses under an objective; the stream.
        describe: what a policy file must agree with.
    """

    model: Any
    layout: tuple[tuple[str, int, str], ...]
    samples: Callable[[], Sequence[np.ndarray]]
    trace: Callable[..., Any]
    load: Callable[[Path], Any]
    save: Callable[[Path, Any], None]
    fit: Callable[[Any], Any]
    fit_unseen: Callable[[Any], Any]
    read_predictor: Callable[[str], Any]
    episodes: Callable[[Any, Any, int], Core]
    live: Callable[[np.ndarray, Any], Core]
    image: Callable[[Any, int], np.ndarray]
    encode: Callable[[np.ndarray, tuple[int, ...]], Encoded]
    nothing: Callable[[np.ndarray], np.ndarray]
    under_policy: Callable[[Policy, np.ndarray, Objective], bytes]
    describe: Callable[[], dict[str, Any]]


@functools.cache
def task_of(preset: str) -> Task:
    """The task of a preset.

    Raises:
        OptionError: there is no such preset.
    """
    found = preset_by_name(preset)
    return {MNIST: _digit_task, PHOTO: _photo_task, COMPACT: _compact_task}[found]()


def _digit_task() -> Task:
    model = load_model(MNIST.name)

    def fit(trace: Trace) -> Predictor:
        return fit_predictor(trace, geometry_of(model, *trace.images.shape[1:]))

    return Task(
        model,
        layout(len(MNIST.budget_slices)),
        samples=sample_images,
        trace=lambda images, *options: build_trace(np.asarray(images), *options),
        load=lambda path: load_trace(path, model),
        save=save_trace,
        fit=fit,
        fit_unseen=fit,  # six thousand digits and straight lines: what is fitted to them knows them no better
        read_predictor=Predictor.from_json,
        episodes=lambda trace, predictor, batch: Episodes(trace, model, predictor, batch),
        live=lambda image, predictor: Episodes(build_trace(image[None], workers=1), model, predictor, 1),
        image=lambda trace, index: trace.images[index],
        encode=lambda image, actions: encode_digit(model, image, actions),
        nothing=lambda image: encode_digit(model, image, (0, STOP_ACTION)).picture,
        under_policy=lambda policy, image, objective: encode_under_policy(policy, model, image, objective).data,
        describe=lambda: describe(model),
    )


def encode_digit(model: Model, pixels: np.ndarray, actions: tuple[int, ...]) -> Encoded:
    """Encodes an image of preset `mnist` as an episode's actions say; the first names the budget.

    Args:
        model: the preset's model.
        pixels: uint8 (h, w).
        actions: legal ones, up to the episode's end.
    """
    per_slice = model.slices and -(-pixels.shape[0] // 4) * -(-pixels.shape[1] // 4)
    bit_budget = MNIST.budget_slices[actions[0]] * per_slice
    later = [STOP if action == STOP_ACTION else action - FIRST_TIER_ACTION for action in actions[1:]]
    return encode_with(model, pixels, bit_budget, lambda _: [*later, STOP])


def _photo_task() -> Task:
    return Task(
        load_photo_model(),
        LAYOUT,
        samples=sample_pictures,
        trace=trace_pictures,
        load=load_picture_trace,
        save=save_tables,
        fit=fit_photo_predictor,
        fit_unseen=lambda trace: fit_unseen(trace, fit_photo_predictor),
        read_predictor=PhotoPredictor.from_json,
        episodes=PictureEpisodes,
        live=LivePictures,
        image=lambda trace, index: trace.picture(index),
        encode=photo_policy.encode_actions,
        nothing=lambda image: np.full_like(image, MIDDLE),
        under_policy=lambda policy, image, goal: photo_policy.encode_under_policy(policy, ColorImage(image, False), goal),
        describe=photo_policy.describe_photo,
    )


def _compact_task() -> Task:
    return Task(
        load_compact_model(),
        compact.LAYOUT,
        samples=sample_pictures,
        trace=trace_compact,
        load=load_compact_trace,
        save=save_tables,
        fit=fit_compact_predictor,
        fit_unseen=lambda trace: fit_unseen(trace, fit_compact_predictor),
        read_predictor=compact.CompactPredictor.from_json,
        episodes=CompactEpisodes,
        live=lambda picture, predictor: CompactEpisodes(trace_compact([picture], 1), predictor, 1),
        image=lambda trace, index: trace.picture(index),
        encode=compact_policy.encode_actions,
        nothing=compact_policy.show_nothing,
        under_policy=lambda policy, image, goal: compact_policy.encode_under_policy(policy, ColorImage(image, False), goal),
        describe=compact_policy.describe_compact,
    )
