//! The suite of every backend on Mesa's software adapter: with every optional feature, with none, and where a kernel
//! sees little of a buffer.

mod support;

use support::software;
use wkv7_testkit::{Tolerance, conformance};
use wkv7_wgpu::{Features, Shape, Wgpu};

/// Block types that kernels do not read are rounded to F16: 1.5e-3 measured at the worst token, 1.9e-3 at its worst number.
const BLOCKS_AS_F16: Tolerance =
    Tolerance { cause: "blocks rounded to F16", relative: 2.5e-3, largest: 4e-3 };

#[test]
fn conforms_with_every_feature() {
    let Some(backend) = software(|settings| settings.features = Some(Features::ALL)) else { return };
    conformance(&backend).approximates(&Wgpu::APPROXIMATED, BLOCKS_AS_F16).assert();
}

/// As on a graphics card, and on one of those of which a kernel sees little.
#[test]
fn conforms_in_the_shape_of_graphics_cards_where_a_binding_shows_16_megabytes() {
    let wide = |settings: &mut wkv7_wgpu::Settings| {
        (settings.shape, settings.binding_limit) = (Some(Shape::Wide), Some(16 << 20));
    };
    let Some(backend) = software(wide) else { return };
    conformance(&backend).approximates(&Wgpu::APPROXIMATED, BLOCKS_AS_F16).assert();
}

#[test]
fn conforms_without_features_and_without_approximations() {
    for shape in [Shape::Narrow, Shape::Wide] {
        let none = |settings: &mut wkv7_wgpu::Settings| {
            (settings.features, settings.shape) = (Some(Features::NONE), Some(shape));
        };
        let Some(backend) = software(none) else { return };
        conformance(&backend).exact().assert();
    }
}

/// Two thirds of the largest matrix here, in F32: matrices are split, and prompts go in passes of some twenty tokens.
#[test]
fn conforms_where_a_binding_shows_half_a_megabyte() {
    let Some(backend) = software(|settings| settings.binding_limit = Some(512 << 10)) else { return };
    conformance(&backend).exact().assert();
}
