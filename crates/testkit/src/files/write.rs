//! Writers of safetensors and rwkv.cpp files, plain enough to write broken ones too.

use serde_json::{Value, json};

use super::toy::{Toy, f32_bytes};

/// A safetensors file of f32 tensors, one after another.
pub fn safetensors(toys: &[Toy]) -> Vec<u8> {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for toy in toys {
        let from = data.len();
        data.extend(f32_bytes(&toy.values));
        header.insert(toy.name.clone(), entry("F32", &toy.shape, from, data.len()));
    }
    with_header(&Value::Object(header).to_string(), &data)
}

/// One entry of a safetensors header.
pub fn entry(dtype: &str, shape: &[usize], from: usize, to: usize) -> Value {
    json!({ "dtype": dtype, "shape": shape, "data_offsets": [from, to] })
}

/// A safetensors file with that header, whatever it says.
pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// The header of an rwkv.cpp file.
pub fn rwkv_cpp_header(version: u32, vocab: u32, channels: u32, layers: u32) -> Vec<u8> {
    [b"fmgg".as_slice(), &[version, vocab, channels, layers, 0].map(u32::to_le_bytes).concat()].concat()
}

/// A record of an rwkv.cpp file; `dimensions` are written in the order given.
pub fn rwkv_cpp_record(name: &str, kind: u32, dimensions: &[u32], data: &[u8]) -> Vec<u8> {
    let mut bytes = [dimensions.len() as u32, name.len() as u32, kind].map(u32::to_le_bytes).concat();
    bytes.extend(dimensions.iter().flat_map(|n| n.to_le_bytes()));
    bytes.extend(name.as_bytes());
    bytes.extend(data);
    bytes
}

/// An rwkv.cpp file of f32 tensors that are already named and turned as rwkv.cpp has them.
pub fn rwkv_cpp(toys: &[Toy]) -> Vec<u8> {
    use super::toy::{CHANNELS, LAYERS, VOCAB};
    let mut bytes = rwkv_cpp_header(101, VOCAB as u32, CHANNELS as u32, LAYERS as u32);
    for toy in toys {
        let dimensions: Vec<u32> = toy.shape.iter().rev().map(|&n| n as u32).collect();
        bytes.extend(rwkv_cpp_record(&toy.name, 0, &dimensions, &f32_bytes(&toy.values)));
    }
    bytes
}

/// The toy as rwkv.cpp names it: six token shifts in one tensor.
pub fn rwkv_cpp_toys() -> Vec<Toy> {
    let mut toys: Vec<Toy> = Vec::new();
    for toy in super::toy::thin_turned() {
        let Some((head, leaf)) = toy.name.split_once(".att.").filter(|(_, leaf)| leaf.starts_with("x_"))
        else {
            toys.push(toy);
            continue;
        };
        assert_eq!(leaf.len(), 3);
        let name = format!("{head}.att.x_rwkvag");
        match toys.iter_mut().find(|toy| toy.name == name) {
            Some(stacked) => stacked.values.extend(&toy.values),
            None => toys.push(Toy { name, shape: vec![6, 1, toy.values.len()], values: toy.values }),
        }
    }
    toys
}
