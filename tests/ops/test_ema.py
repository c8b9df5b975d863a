"""The teacher is the mean of all students until its decay reaches the cap; buffers stay its own."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from udalib.ops import ema_decay, make_teacher, update_teacher


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3))


def test_plain_mean_of_the_students_before_the_cap():
    student = network()
    teacher = make_teacher(student)
    seen = []
    for t in range(6):
        with torch.no_grad():
            for p in student.parameters():
                p.copy_(torch.randn_like(p))
        seen.append([p.detach().clone() for p in student.parameters()])
        update_teacher(teacher, student, t, alpha=0.999)
        for got, *values in zip(teacher.parameters(), *seen, strict=True):
            torch.testing.assert_close(got, torch.stack(values).mean(0))


def test_start_copies_parameters_and_no_buffers():
    student = network()
    teacher = make_teacher(student)
    student[1].running_mean.fill_(3.0)
    with torch.no_grad():
        student[0].weight.add_(1)
    update_teacher(teacher, student, 0)
    assert torch.equal(teacher[0].weight, student[0].weight)
    assert teacher[0].weight is not student[0].weight
    assert (teacher[1].running_mean == 0).all()
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())


def test_after_the_cap():
    student, alpha = network(), 0.75
    teacher = make_teacher(student)
    old = teacher[0].weight.clone()
    with torch.no_grad():
        student[0].weight.add_(1)
    update_teacher(teacher, student, 1000, alpha)
    torch.testing.assert_close(teacher[0].weight, old + 0.25)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_decay_rises_to_the_cap(t, alpha):
    assert 0 <= ema_decay(t, alpha) <= ema_decay(t + 1, alpha) <= alpha


def test_different_networks_are_refused():
    with pytest.raises(ValueError, match=r"differ in the parameters \['0\.bias'"):
        update_teacher(nn.Sequential(nn.Conv2d(2, 3, 1, bias=False)), network(), 0)
