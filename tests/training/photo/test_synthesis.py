"""Training of the repair networks: what they see, their integers, and the files that ONNX Runtime runs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from rlcodec.core.onnx_session import open_session
from rlcodec.presets.photo._repair import ZERO
from rlcodec.presets.photo.repair import INPUT_CHANNELS, INPUT_UNIT, OUTPUT_CHANNELS, OUTPUT_UNIT, REPAIRS
from rlcodec.training.muon import Muon, orthogonalised
from rlcodec.training.options import Schedule, TrainingRun
from rlcodec.training.photo.raster import first_weights
from rlcodec.training.photo.repair_net import RepairNet, repair_graph
from rlcodec.training.photo.synthesis import SIDE, decoded_crops, export_synthesis, train_synthesis


@pytest.fixture(scope="module")
def weights():
    """Weights of a coder that nothing was learned for."""
    return first_weights()


@pytest.fixture(scope="module")
def pictures(photograph):
    picture = np.asarray(photograph.convert("RGB"))
    return [picture[:224, :200], picture[50:250, :192]]


def trained(weights, pictures, folder: Path, steps: int = 2) -> RepairNet:
    runs = tuple(TrainingRun(Schedule(steps, 2, 1e-3), folder / name) for name in ("float", "integer"))
    rng = np.random.default_rng(0)
    crops, held_out = (decoded_crops(weights, pictures, rng, count) for count in (4, 48))
    return train_synthesis(crops, held_out, runs, rng)


def test_files_compute_what_was_trained(weights, pictures, tmp_path):
    net = trained(weights, pictures, tmp_path)
    for head in net.heads.values():
        torch.nn.init.normal_(head.weight, std=0.1)
    crops = decoded_crops(weights, pictures, np.random.default_rng(3), 1)
    with torch.no_grad():
        expected = net.eval()((crops.inputs.float().permute(0, 3, 1, 2) - ZERO) / INPUT_UNIT)
    light, full = (open_session(file) for file in export_synthesis(net).values())
    first, features = light.run(["added", "features"], {"picture": crops.inputs.numpy()})
    for name, output in (("light", first), ("full", full.run(["added"], {"features": features})[0])):
        added = output.astype(np.float32) - ZERO
        goal = (expected[name].permute(0, 2, 3, 1).numpy() * OUTPUT_UNIT).clip(-ZERO, ZERO - 1)
        assert np.abs(added - goal).mean() < 1
        assert np.std(goal) > 2


def test_training_resumes(weights, pictures, tmp_path):
    first = trained(weights, pictures, tmp_path)
    again = trained(weights, pictures, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(first.state_dict().values(), again.state_dict().values(), strict=True))


def test_crops_miss_what_quantisation_took(weights, pictures):
    crops = decoded_crops(weights, pictures, np.random.default_rng(1), 3)
    assert crops.inputs.shape == (3, SIDE, SIDE, INPUT_CHANNELS)
    assert 0.01 < crops.targets.float().square().mean() < 1
    assert (crops.targets.float().square().mean(-1) * crops.importance).mean() < 2


def test_crops_do_not_depend_on_the_number_of_cores(weights, pictures, monkeypatch):
    def drawn(cores: int) -> tuple[torch.Tensor, int]:
        monkeypatch.setattr("os.cpu_count", lambda: cores)
        rng = np.random.default_rng(1)
        return decoded_crops(weights, pictures, rng, 3).inputs, int(rng.integers(1 << 32))

    (first, after), (second, after_second) = drawn(1), drawn(5)
    assert torch.equal(first, second)
    assert after == after_second


def test_graphs_take_any_size():
    net = RepairNet()
    with torch.no_grad(), net.calibrating():
        net(torch.randn(1, INPUT_CHANNELS, 16, 16))
    light, full = (open_session(repair_graph(net.round(), level).SerializeToString()) for level in REPAIRS)
    for size in ((8, 8), (16, 24)):
        features = light.run(["features"], {"picture": np.zeros((1, *size, INPUT_CHANNELS), np.uint8)})[0]
        assert full.run(["added"], {"features": features})[0].shape == (1, *size, OUTPUT_CHANNELS)


@pytest.mark.parametrize("shape", [(8, 72), (72, 8)])
def test_steps_of_muon_are_nearly_orthogonal(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    assert 0.5 < values.min() <= values.max() < 1.5


def test_matrices_of_a_stack_are_orthogonalised_alone():
    torch.manual_seed(0)
    stack = torch.randn(3, 8, 72)
    torch.testing.assert_close(orthogonalised(stack), torch.stack([orthogonalised(matrix) for matrix in stack]))


def test_parameters_of_one_shape_are_computed_together_as_alone(monkeypatch):
    def stepped() -> list[torch.Tensor]:
        torch.manual_seed(0)
        net = torch.nn.Sequential(*(torch.nn.Conv2d(4, 4, 3) for _ in range(3)))
        optimizer = Muon(net, 0.01)
        for _ in range(2):
            net(torch.randn(2, 4, 9, 9)).square().mean().backward()
            optimizer.step()
        return list(net.parameters())

    alone = stepped()
    monkeypatch.setattr(Muon, "_alike", staticmethod(lambda parameters: [parameters]))
    for together, parameter in zip(stepped(), alone, strict=True):
        torch.testing.assert_close(together, parameter)


def test_muon_learns_and_is_stored():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(4, 1, 1))
    optimizer, x = Muon(net, 0.01), torch.randn(4, 2, 8, 8)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (net(x) - x.sum(1, keepdim=True).abs()).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    other = Muon(net, 0.01)
    other.load_state_dict(optimizer.state_dict())
    assert other.state_dict()["state"].keys() == optimizer.state_dict()["state"].keys()


def test_muon_resumes_checkpoints_whose_count_is_a_tensor():
    net = torch.nn.Linear(2, 1)
    optimizer = Muon(net, 0.01)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = optimizer.state[net.bias]
    state["count"] = torch.tensor(state["count"])
    optimizer.step()
    assert state["count"] == 2.0
