import pytest

from benchmarks.base.plan import open_variants
from edge.base.errors import UserError
from edge.model.bundle import model_file


def test_variants_are_present_in_their_order(bundle):
    assert list(open_variants(bundle)) == ["float32", "int8"]


def test_a_variant_of_the_manifest_whose_file_is_gone_is_absent(bundle):
    (bundle / model_file("float32")).unlink()
    assert list(open_variants(bundle)) == ["int8"]


def test_a_damaged_variant_is_refused(bundle):
    (bundle / model_file("int8")).write_bytes(b"x")
    with pytest.raises(UserError, match="sha256"):
        open_variants(bundle)


def test_a_bundle_without_any_model_is_refused(bundle):
    for variant in ("float32", "int8"):
        (bundle / model_file(variant)).unlink()
    with pytest.raises(UserError, match="no model file"):
        open_variants(bundle)
