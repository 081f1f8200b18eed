//! Functions that a model may call.

use std::fmt;

/// A function, shown to the model as `name(arg: type, opt?: "a" | "b")`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its arguments, in order.
    #[serde(default)]
    pub arguments: Vec<Argument>,
}

/// An argument of a function.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its type, as the model should read it: `string`, `number`, `"a" | "b"`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it may be left out.
    #[serde(default)]
    pub optional: bool,
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        for (index, Argument { name, kind, optional }) in self.arguments.iter().enumerate() {
            let (comma, mark) = (if index > 0 { ", " } else { "" }, if *optional { "?" } else { "" });
            write!(f, "{comma}{name}{mark}: {kind}")?;
        }
        f.write_str(")")
    }
}
