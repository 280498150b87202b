//! Options of a model that are chosen by name.

/// A row of a table of options.
#[derive(Debug)]
pub struct Choice<T: 'static> {
    /// The name on the command line.
    pub name: &'static str,
    /// One line for help texts.
    pub summary: &'static str,
    /// What the name stands for.
    pub value: T,
}

impl<T: Copy + PartialEq> Choice<T> {
    /// The row called `name`.
    pub fn find(table: &'static [Self], name: &str) -> Option<&'static Self> {
        table.iter().find(|row| row.name == name)
    }

    /// The name of a value.
    pub fn name_of(table: &'static [Self], value: T) -> &'static str {
        let row = table.iter().find(|row| row.value == value);
        row.expect("a table has a row for every value").name
    }
}

/// Names of a table, for messages.
pub fn names<S: AsRef<str>>(all: impl Iterator<Item = S>) -> String {
    let names: Vec<S> = all.collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}
