//! A checkpoint's tensors by name.

use std::collections::BTreeMap;

use crate::{Error, Tensor};

/// Tensors by official name (`blocks.0.att.receptance.weight`, ...), each name once.
#[derive(Debug, Clone, Default)]
pub struct Tensors {
    by_name: BTreeMap<String, Tensor>,
}

impl Tensors {
    /// No tensors yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tensor.
    ///
    /// # Errors
    /// [`Error::DuplicateTensor`] where the name is taken.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Result<(), Error> {
        let name = name.into();
        if self.by_name.contains_key(&name) {
            return Err(Error::DuplicateTensor { name });
        }
        self.by_name.insert(name, tensor);
        Ok(())
    }

    /// The tensor of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.by_name.get(name)
    }

    /// Takes the tensor of that name out.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.by_name.remove(name)
    }

    /// All tensors, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.by_name.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let tensor = || Tensor::from_f32("a", &[1], &[0.0]).expect("valid");
        let mut tensors = Tensors::new();
        tensors.insert("a", tensor()).expect("first");
        assert!(matches!(tensors.insert("a", tensor()), Err(Error::DuplicateTensor { .. })));
    }
}
