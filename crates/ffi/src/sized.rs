//! Structs that grow: their first field says how much of them the caller knows.

use crate::call::Fault;
use crate::status::wkv7_status as Status;

/// A struct of the header that begins with `size_t struct_size` and only ever grows at its end.
///
/// # Safety
/// It is `repr(C)`, begins with that `usize`, and all zeros is a valid value of it.
pub unsafe trait Sized: Copy {
    /// Its name in the header.
    const NAME: &'static str;
    /// The least bytes that it can have: less is rubbish in the field, not an older program. Never changes.
    const FIRST: usize;
}

/// More than any of them will ever have: a larger size is rubbish in the field.
const LARGEST: usize = 4096;

fn check<T: Sized>(size: usize) -> Result<(), Fault> {
    if (T::FIRST..=LARGEST).contains(&size) {
        return Ok(());
    }
    let problem = format!("{size} is not the size of a {}; initialise it first", T::NAME);
    Err(Fault::argument("struct_size", problem))
}

/// Reads a struct: what the caller does not know is zero. NULL gives `None`.
///
/// # Errors
/// A size that the struct cannot have; a field from the future that is set, which cannot be obeyed.
pub unsafe fn read<T: Sized>(pointer: *const T) -> Result<Option<T>, Fault> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the header's contract: it points to a struct, which begins with its size.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check::<T>(size)?;
    // SAFETY: the contract: as many bytes as the struct says it has.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let known = size.min(size_of::<T>());
    if bytes[known..].iter().any(|&byte| byte != 0) {
        let text = format!("the {} sets a field that this older library does not know", T::NAME);
        return Err(Fault::new(Status::WKV7_ERR_UNSUPPORTED, text));
    }
    // SAFETY: `Sized` promises that zeros are a value.
    let mut value: T = unsafe { std::mem::zeroed() };
    // SAFETY: `known` bytes lie inside both.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut value).cast::<u8>(), known) };
    Ok(Some(value))
}

/// Fills a struct as far as the caller knows it; its size stays what the caller said.
pub unsafe fn fill<T: Sized>(pointer: *mut T, name: &str, value: &T) -> Result<(), Fault> {
    crate::args::place(pointer, name)?;
    // SAFETY: as in `read`.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    check::<T>(size)?;
    // SAFETY: as here before.
    unsafe { write(pointer, size, value) };
    Ok(())
}

/// Gives a struct of `size` bytes its first values; a caller from the future gets zeros in what is not known yet.
pub unsafe fn initialise<T: Sized>(pointer: *mut T, size: usize, name: &str, value: &T) -> Result<(), Fault> {
    crate::args::place(pointer, name)?;
    check::<T>(size)?;
    // SAFETY: the header's contract: `size` bytes lie there.
    unsafe { write(pointer, size, value) };
    Ok(())
}

/// Writes `size` bytes: the size, as much of `value` as fits, zeros.
unsafe fn write<T: Sized>(pointer: *mut T, size: usize, value: &T) {
    let known = size.min(size_of::<T>());
    // SAFETY: the callers' contract: `size` bytes lie at `pointer`, and `known` is not more.
    unsafe { std::ptr::copy_nonoverlapping((&raw const *value).cast::<u8>(), pointer.cast::<u8>(), known) };
    // SAFETY: `known` is at most `size`.
    let rest = unsafe { pointer.cast::<u8>().add(known) };
    // SAFETY: the rest of the `size` bytes.
    unsafe { rest.write_bytes(0, size - known) };
    // SAFETY: every such struct begins with its size.
    unsafe { pointer.cast::<usize>().write_unaligned(size) };
}
