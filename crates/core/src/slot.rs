//! Slots: places for sequences' states on a device.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;

/// Tells one loaded model from another, also two loads of the same file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModelId(u64);

impl ModelId {
    /// An id that no other model of this process has.
    #[must_use]
    pub fn unique() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// A place for one sequence's state on the device, minted by a backend.
///
/// Not `Clone`: owning it is the right to advance the sequence.
#[derive(Debug)]
pub struct Slot {
    index: u32,
    model: ModelId,
}

impl Slot {
    /// Which place, for backends: below [`crate::ModelInfo::max_slots`].
    #[must_use]
    pub fn index(&self) -> usize {
        self.index as usize
    }

    /// The model that minted it.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.model
    }
}

/// The slots of one model with what the backend keeps for each: `T` is its state on the device.
#[derive(Debug)]
pub struct Slots<T> {
    model: ModelId,
    limit: usize,
    places: Vec<Option<T>>, // as many as were ever open at once, at most `limit`
}

impl<T> Slots<T> {
    /// `limit` free slots of model `model`. Takes no memory for those that are never opened.
    #[must_use]
    pub fn new(model: ModelId, limit: usize) -> Self {
        Self { model, limit, places: Vec::new() }
    }

    /// Takes a free slot and keeps `make()` in it.
    ///
    /// # Errors
    /// [`Error::NoFreeSlot`].
    pub fn open(&mut self, make: impl FnOnce() -> T) -> Result<Slot, Error> {
        let slots = self.limit;
        let free = self.places.iter().position(Option::is_none).unwrap_or(self.places.len());
        let index = u32::try_from(free).ok().filter(|_| free < slots).ok_or(Error::NoFreeSlot { slots })?;
        match self.places.get_mut(free) {
            Some(place) => *place = Some(make()),
            None => self.places.push(Some(make())),
        }
        Ok(Slot { index, model: self.model })
    }

    /// Frees a slot; one of another model is dropped without effect.
    pub fn close(&mut self, slot: Slot) {
        if slot.model == self.model
            && let Some(place) = self.places.get_mut(slot.index())
        {
            *place = None;
        }
    }

    /// What the slot holds.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`].
    pub fn get(&self, slot: &Slot) -> Result<&T, Error> {
        self.own(slot)?;
        self.places.get(slot.index()).and_then(Option::as_ref).ok_or(Error::ForeignSlot)
    }

    /// What the slot holds, to change it.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`].
    pub fn get_mut(&mut self, slot: &Slot) -> Result<&mut T, Error> {
        self.own(slot)?;
        self.places.get_mut(slot.index()).and_then(Option::as_mut).ok_or(Error::ForeignSlot)
    }

    /// What each of `slots` holds, to change all of them at once; the slots of a batch are distinct.
    ///
    /// # Errors
    /// [`Error::ForeignSlot`], also for a slot that comes twice.
    pub fn get_each_mut<'a>(&mut self, slots: impl Iterator<Item = &'a Slot>) -> Result<Vec<&mut T>, Error> {
        let model = self.model;
        let mut places: Vec<Option<&mut T>> = self.places.iter_mut().map(Option::as_mut).collect();
        slots
            .map(|slot| {
                let own = places.get_mut(slot.index()).filter(|_| slot.model == model);
                own.and_then(Option::take).ok_or(Error::ForeignSlot)
            })
            .collect()
    }

    fn own(&self, slot: &Slot) -> Result<(), Error> {
        if slot.model == self.model { Ok(()) } else { Err(Error::ForeignSlot) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_finite_reused_and_own() {
        let mut slots = Slots::new(ModelId::unique(), 2);
        let first = slots.open(|| 1).expect("free");
        let second = slots.open(|| 2).expect("free");
        assert!(matches!(slots.open(|| 3), Err(Error::NoFreeSlot { slots: 2 })));
        slots.close(first);
        let third = slots.open(|| 3).expect("freed");
        assert_eq!((slots.get(&second).ok(), slots.get(&third).ok()), (Some(&2), Some(&3)));
        let each = slots.get_each_mut([&third, &second].into_iter()).expect("distinct");
        assert_eq!(each, [&3, &2]);
        assert!(slots.get_each_mut([&third, &third].into_iter()).is_err());
        let other: Slots<i32> = Slots::new(ModelId::unique(), 2);
        assert!(matches!(other.get(&second), Err(Error::ForeignSlot)));
        let mut endless = Slots::new(ModelId::unique(), usize::MAX);
        assert_eq!(endless.open(|| 1).expect("free").index(), 0);
    }
}
