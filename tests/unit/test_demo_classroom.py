"""The class of the demo: who signs up."""

from __future__ import annotations

from collections import Counter

from hubtui.demo.classroom import Role, students
from hubtui.demo.form import Session


def test_a_class_of_thirty_has_all_kinds() -> None:
    roles = Counter(student.role for student in students(30))
    assert roles == {
        Role.APPROVED: 2,
        Role.EARLIER: 1,
        Role.PREPARED: 1,
        Role.ORDINARY: 14,
        Role.AWKWARD: 4,
        Role.HOSTILE: 8,
    }


def test_names_differ_also_in_a_large_class() -> None:
    everyone = students(500)
    assert len({student.name for student in everyone}) == len(everyone) == 500


def test_small_classes_are_small() -> None:
    assert [len(students(size)) for size in (0, 1, 5, 16, 17)] == [0, 1, 5, 16, 17]


def test_a_class_arrives_in_the_same_order_each_time_with_new_passwords() -> None:
    first, second = students(30), students(30)
    assert [one.name for one in first] == [one.name for one in second]
    assert not {one.password for one in first} & {one.password for one in second}


def test_what_the_form_would_refuse_is_nobodys_name() -> None:
    assert [one.name for one in students(30) if set(one.name) & set(", /")] == []


def test_passwords_fit_into_bcrypt() -> None:
    assert max(len(one.password) for one in students(30)) < 72


def test_a_hostile_name_stays_one_part_of_an_address() -> None:
    for name in ("a/b?c#d", "two\nlines", "../hub", "%2e"):
        assert not set(Session("http://127.0.0.1", name).path) & set("/?# \n")
