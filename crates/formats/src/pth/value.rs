//! What a pickle can hold here: plain data, all of it inert.

use crate::error::shown;

/// A value on the machine's stack. Compound values are numbers of places in the [`Heap`], so that no value
/// owns another and neither cycles nor deep nesting can hurt.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    /// `None`.
    None,
    /// `True` or `False`; which one changes nothing.
    Bool,
    /// An integer.
    Int(i64),
    /// A float; its value changes nothing.
    Float,
    /// Text.
    Text(&'a str),
    /// A list; its items are not kept.
    List,
    /// A tuple.
    Tuple(usize),
    /// A dict or an `OrderedDict`.
    Dict(usize),
    /// One of the few names that may stand in a pickle.
    Global(Global),
    /// Numbers in a member of the archive.
    Storage(usize),
    /// A view of a storage.
    Tensor(usize),
}

impl Value<'_> {
    /// What kind of thing it is, for messages.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool => "a bool",
            Self::Int(_) => "an integer",
            Self::Float => "a float",
            Self::Text(_) => "text",
            Self::List => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Dict(_) => "a dict",
            Self::Global(_) => "a name",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a tensor",
        }
    }
}

/// The names that a pickle may use. Nothing is ever looked up or called by a name from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `torch._utils._rebuild_tensor_v2`.
    RebuildTensor,
    /// `torch._utils._rebuild_parameter`.
    RebuildParameter,
    /// `torch.FloatStorage` and its relatives.
    StorageOf(Element),
}

impl Global {
    /// The global of that module and name; the message for any other.
    pub(super) fn named(module: &str, name: &str) -> Result<Self, String> {
        let known = match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", _) => Element::of_storage(name).map(Self::StorageOf),
            _ => None,
        };
        known.ok_or_else(|| {
            format!(
                "{} is refused, expected nothing but tensors; save the bare weights with \
                 `torch.save(model.state_dict(), path)`",
                shown(&format!("{module}.{name}"))
            )
        })
    }
}

/// Element type of a storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// A type that weights may have.
    Number(wkv7_core::Dtype),
    /// A type that they may not: its torch name.
    Other(&'static str),
}

impl Element {
    fn of_storage(name: &str) -> Option<Self> {
        use wkv7_core::Dtype;
        Some(match name {
            "DoubleStorage" => Self::Number(Dtype::F64),
            "FloatStorage" => Self::Number(Dtype::F32),
            "HalfStorage" => Self::Number(Dtype::F16),
            "BFloat16Storage" => Self::Number(Dtype::BF16),
            "LongStorage" => Self::Other("int64"),
            "IntStorage" => Self::Other("int32"),
            "ShortStorage" => Self::Other("int16"),
            "CharStorage" => Self::Other("int8"),
            "ByteStorage" => Self::Other("uint8"),
            "BoolStorage" => Self::Other("bool"),
            _ => return None,
        })
    }
}

/// Numbers in the member `data/<key>`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Storage<'a> {
    /// Element type.
    pub(super) element: Element,
    /// Which member.
    pub(super) key: &'a str,
    /// Numbers in it.
    pub(super) len: usize,
}

/// A view of a storage; offset, shape and strides count elements.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Place of the storage in the heap.
    pub(super) storage: usize,
    /// First element.
    pub(super) offset: usize,
    /// Elements along each dimension.
    pub(super) shape: Vec<usize>,
    /// Steps along each dimension.
    pub(super) strides: Vec<usize>,
}

/// Where compound values live.
#[derive(Debug, Default)]
pub(super) struct Heap<'a> {
    /// Tuples by number.
    pub(super) tuples: Vec<Box<[Value<'a>]>>,
    /// Dicts by number, in order of insertion.
    pub(super) dicts: Vec<Vec<(Value<'a>, Value<'a>)>>,
    /// Storages by number.
    pub(super) storages: Vec<Storage<'a>>,
    /// Tensors by number.
    pub(super) tensors: Vec<View>,
}

impl<'a> Heap<'a> {
    /// The items of a tuple; `None` for anything else.
    pub(super) fn tuple(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(place) => self.tuples.get(place).map(AsRef::as_ref),
            _ => None,
        }
    }

    /// The pairs of a dict; `None` for anything else.
    pub(super) fn dict(&self, value: Value<'a>) -> Option<&[(Value<'a>, Value<'a>)]> {
        match value {
            Value::Dict(place) => self.dicts.get(place).map(AsRef::as_ref),
            _ => None,
        }
    }
}
