//! Looking through the pointers that C passed: the only place that does.
//!
//! What every `SAFETY` line below relies on is the contract at the top of the header: a pointer argument is NULL or
//! points to as many valid elements as its length says, handles come from this library and are not freed yet, and
//! nobody changes what is passed while the call lasts.

use std::ffi::{CStr, c_char, c_void};

use crate::call::Fault;
use crate::status::wkv7_status as Status;

/// No array or text that is passed may have more bytes: a bigger count is a mistake, such as a negative number.
pub(crate) const LONGEST: usize = 1 << 40;

/// As the length of a text: it ends at its first NUL.
pub(crate) const NUL_TERMINATED: usize = usize::MAX;

/// A text that belongs to whoever passed it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct wkv7_text {
    /// UTF-8; may be NULL where `len` is 0.
    pub data: *const c_char,
    /// Bytes, or WKV7_NUL_TERMINATED.
    pub len: usize,
}

/// Calls one of the functions of this module.
macro_rules! c {
    ($how:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: the header's contract for pointers, which the caller of every exported function keeps.
        unsafe { $crate::args::$how($($argument),*) }
    }};
}

fn null(name: &str) -> Fault {
    Fault::new(Status::WKV7_ERR_NULL, format!("`{name}` is NULL"))
}

/// What a handle is.
pub unsafe fn shared<'a, T>(pointer: *const T, name: &str) -> Result<&'a T, Fault> {
    // SAFETY: the contract above; handles and structs are changed behind locks only, or not at all during the call.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// An array that is read; NULL is allowed where it is empty.
pub unsafe fn slice<'a, T>(data: *const T, count: usize, name: &str) -> Result<&'a [T], Fault> {
    if count == 0 {
        return Ok(&[]);
    }
    let start = usable(data, count, name)?;
    // SAFETY: not NULL, aligned, not absurdly long, and valid by the contract above.
    Ok(unsafe { std::slice::from_raw_parts(start, count) })
}

/// A buffer that is written; `None` where it is NULL.
pub unsafe fn buffer<'a, T>(data: *mut T, count: usize, name: &str) -> Result<Option<&'a mut [T]>, Fault> {
    if data.is_null() {
        return Ok(None);
    }
    if count == 0 {
        return Ok(Some(&mut []));
    }
    let start = usable(data.cast_const(), count, name)?.cast_mut();
    // SAFETY: as for `slice`; the element types used have no invalid values, so it may be uninitialised for the caller.
    Ok(Some(unsafe { std::slice::from_raw_parts_mut(start, count) }))
}

fn usable<T>(data: *const T, count: usize, name: &str) -> Result<*const T, Fault> {
    if data.is_null() {
        return Err(null(name));
    }
    if !data.is_aligned() {
        return Err(Fault::argument(name, format!("{data:p} is not aligned")));
    }
    let bytes = count.checked_mul(size_of::<T>()).filter(|bytes| *bytes <= LONGEST);
    bytes.map(|_| data).ok_or_else(|| {
        let problem = format!("`{name}` has {count} elements, no array may have more than {LONGEST} bytes");
        Fault::new(Status::WKV7_ERR_TOO_LARGE, problem)
    })
}

/// The bytes of a text, whatever they are.
pub unsafe fn bytes<'a>(data: *const c_char, len: usize, name: &str) -> Result<&'a [u8], Fault> {
    if len != NUL_TERMINATED {
        // SAFETY: the contract above.
        return unsafe { slice(data.cast::<u8>(), len, name) };
    }
    if data.is_null() {
        return Err(null(name));
    }
    // SAFETY: by the contract a text of this length has a NUL.
    Ok(unsafe { CStr::from_ptr(data) }.to_bytes())
}

/// A text.
pub unsafe fn text<'a>(data: *const c_char, len: usize, name: &str) -> Result<&'a str, Fault> {
    // SAFETY: the contract above.
    let bytes = unsafe { bytes(data, len, name) }?;
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Fault::new(Status::WKV7_ERR_UTF8, format!("`{name}` is not UTF-8 at offset {at}"))
    })
}

/// A text in a struct.
pub unsafe fn field<'a>(text: wkv7_text, name: &str) -> Result<&'a str, Fault> {
    // SAFETY: the contract above holds for what a struct points to as well.
    unsafe { self::text(text.data, text.len, name) }
}

/// Writes an output that must not be NULL.
pub unsafe fn put<T>(place: *mut T, name: &str, value: T) -> Result<(), Fault> {
    if place.is_null() {
        return Err(null(name));
    }
    // SAFETY: not NULL and valid for a write by the contract above; unaligned places cost nothing here.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// Whether an output can be written: to be asked before anything is done.
pub fn place<T>(place: *mut T, name: &str) -> Result<(), Fault> {
    if place.is_null() { Err(null(name)) } else { Ok(()) }
}

/// Copies `values` to a buffer of `*count` elements and sets `*count` to their number. Without a buffer only the number
/// is told; a buffer that is too small is an error, which tells it too.
pub unsafe fn copy<T: Copy>(values: &[T], data: *mut T, count: *mut usize, name: &str) -> Result<(), Fault> {
    // SAFETY: the contract above.
    let room = unsafe { room(values.len(), data, count, name) }?;
    if let Some(room) = room {
        room[..values.len()].copy_from_slice(values);
    }
    Ok(())
}

/// The buffer for `needed` elements, before they are there; `None` where only their number was asked for.
pub unsafe fn room<'a, T>(
    needed: usize,
    data: *mut T,
    count: *mut usize,
    name: &str,
) -> Result<Option<&'a mut [T]>, Fault> {
    place(count, "count")?;
    // SAFETY: not NULL; valid for reads and writes by the contract above.
    let given = unsafe { count.read_unaligned() };
    // SAFETY: the contract above.
    let buffer = unsafe { buffer(data, given, name) }?;
    // SAFETY: as the read.
    unsafe { count.write_unaligned(needed) };
    match buffer {
        Some(buffer) if buffer.len() < needed => {
            let problem = format!("`{name}` has room for {given} elements, {needed} are needed");
            Err(Fault::new(Status::WKV7_ERR_BUFFER, problem))
        }
        buffer => Ok(buffer),
    }
}

/// Copies a text as [`copy`] does, and ends it with a NUL, which is not counted, where there is room.
pub unsafe fn copy_text(text: &str, data: *mut c_char, len: *mut usize, name: &str) -> Result<(), Fault> {
    // SAFETY: the contract above.
    let room = unsafe { room(text.len(), data.cast::<u8>(), len, name) }?;
    if let Some(room) = room {
        room[..text.len()].copy_from_slice(text.as_bytes());
        if let Some(end) = room.get_mut(text.len()) {
            *end = 0;
        }
    }
    Ok(())
}

/// A new handle, for [`release`].
pub unsafe fn give<T>(place: *mut *mut T, name: &str, value: T) -> Result<(), Fault> {
    self::place(place, name)?;
    // SAFETY: the contract above.
    unsafe { put(place, name, Box::into_raw(Box::new(value))) }
}

/// Frees a handle; NULL is none.
pub unsafe fn release<T>(handle: *mut T) {
    if !handle.is_null() {
        // SAFETY: by the contract it came from `give` and is freed once.
        let owned = unsafe { Box::from_raw(handle) };
        crate::call::quietly(|| drop(owned));
    }
}

/// A host's pointer, which only the host looks through.
#[derive(Clone, Copy)]
pub struct User(pub *mut c_void);

// SAFETY: the library never looks through it; the header says from which threads the host gets it back.
unsafe impl Send for User {}
// SAFETY: as for `Send`.
unsafe impl Sync for User {}

/// Gives a struct that grows its first values: zeros.
pub unsafe fn zero<T: crate::sized::Sized>(pointer: *mut T, size: usize) -> Result<(), Fault> {
    // SAFETY: `Sized` promises that zeros are a value.
    let zeros: T = unsafe { std::mem::zeroed() };
    // SAFETY: the contract above.
    unsafe { crate::sized::initialise(pointer, size, "options", &zeros) }
}
