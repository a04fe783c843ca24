import json

import pytest

from benchmarks.base.variants import open_variants
from edge.base.errors import UserError
from edge.model.bundle import MANIFEST, model_file


def test_variants_are_present_or_named_as_absent(bundle):
    variants = open_variants(bundle)
    assert (variants.name, variants.input_size, variants.resolution) == ("tiny", 16, 96)
    assert list(variants.bundles) == ["float32", "int8"]
    assert variants.absent == ("float16", "dynamic")


def test_a_variant_of_the_manifest_whose_file_is_gone_is_absent(bundle):
    (bundle / model_file("float32")).unlink()
    variants = open_variants(bundle)
    assert list(variants.bundles) == ["int8"]
    assert "float32" in variants.absent


def test_without_a_resolution_the_backbone_sees_the_face_as_it_is(bundle):
    manifest = json.loads((bundle / MANIFEST).read_text())
    del manifest["resolution"]
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    assert open_variants(bundle).resolution == 16


def test_a_damaged_variant_is_refused(bundle):
    (bundle / model_file("int8")).write_bytes(b"x")
    with pytest.raises(UserError, match="sha256"):
        open_variants(bundle)


def test_a_bundle_without_any_model_is_refused(bundle):
    for variant in ("float32", "int8"):
        (bundle / model_file(variant)).unlink()
    with pytest.raises(UserError, match="no model file"):
        open_variants(bundle)
