import pytest

from onto_flow.connect import open_sink
from onto_flow.core.errors import UsageError
from onto_flow.core.options import amount_of, count_of, positive_of, truth_of


@pytest.mark.parametrize("value", [True, "true", "True", "1", "yes", ""])
def test_what_is_true(value):
    assert truth_of("shared", value) is True


@pytest.mark.parametrize("value", [False, "false", "FALSE", "0", "no"])
def test_what_is_false(value):
    assert truth_of("shared", value) is False


@pytest.mark.parametrize("value", ["perhaps", "2", "None", "ja" * 100])
def test_what_is_neither_is_refused_by_the_options_name(value):
    with pytest.raises(UsageError, match=f"shared={value[:40]} is neither true nor false"):
        truth_of("shared", value)


def test_no_sink_takes_a_slip_for_false():
    with pytest.raises(UsageError, match="shared=perhaps is neither true nor false"):
        open_sink("jsonl:FILE?shared=perhaps")


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "many", "", "٣", "9" * 19, 0])
def test_a_count_is_a_whole_number_from_1_on(value):
    assert count_of("n", "7") == count_of("n", 7) == 7
    with pytest.raises(UsageError, match="is no number from 1 on"):
        count_of("n", value)


@pytest.mark.parametrize("value", ["-0.1", "x", "", "nan", "inf", "10", 10, 10**400])
def test_an_amount_is_from_0_on_and_below_its_bound(value):
    assert (amount_of("grace", "0"), amount_of("grace", "9.5", below=10)) == (0.0, 9.5)
    with pytest.raises(UsageError, match=r"grace=.* is no number of seconds"):
        amount_of("grace", value, of="seconds", below=10)


@pytest.mark.parametrize("value", ["0", "-1", "x", "nan", "inf"])
def test_a_positive_number_is_above_0(value):
    assert positive_of("share", "0.5") == 0.5
    with pytest.raises(UsageError, match="is no number above 0"):
        positive_of("share", value)
