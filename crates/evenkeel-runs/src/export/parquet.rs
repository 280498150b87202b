//! Apache Parquet: columns may be null, texts are UTF-8, nothing is compressed beyond dictionaries.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::{Field, Sink};
use crate::value::{Kind, Value};

/// Rows that are written together: enough for readers, few enough for memory.
const GROUP: usize = 1 << 16;
/// What a value's level says.
const PRESENT: i16 = 1;
const NULL: i16 = 0;

/// Gathers rows and writes them in groups.
pub struct Writer<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<Vec<Value>>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file with these columns.
    pub fn new(fields: &[Field], to: W) -> Result<Self, String> {
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = schema(fields)
            .and_then(|schema| SerializedFileWriter::new(to, Arc::new(schema), properties));
        Ok(Self {
            writer: writer.map_err(|error| error.to_string())?,
            rows: Vec::new(),
        })
    }

    fn group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group()?;
        let mut index = 0;
        while let Some(mut column) = group.next_column()? {
            let values: Vec<&Value> = rows.iter().filter_map(|row| row.get(index)).collect();
            fill(column.untyped(), &values)?;
            column.close()?;
            index += 1;
        }
        group.close()?;
        Ok(())
    }
}

impl<W: Write + Send> Sink for Writer<W> {
    fn rows(&mut self, rows: Vec<Vec<Value>>) -> Result<(), String> {
        self.rows.extend(rows);
        match self.rows.len() {
            GROUP.. => self.group().map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), String> {
        let last = match self.rows.is_empty() {
            true => Ok(()),
            false => self.group(),
        };
        last.and_then(|()| self.writer.finish())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

fn schema(fields: &[Field]) -> Result<Type, ParquetError> {
    let columns = fields.iter().map(|field| {
        let (physical, logical) = match field.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Integer => (Physical::INT64, None),
            Kind::Real => (Physical::DOUBLE, None),
        };
        let column = Type::primitive_type_builder(field.name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical);
        column.build().map(Arc::new)
    });
    Type::group_type_builder("evenkeel")
        .with_fields(columns.collect::<Result<_, _>>()?)
        .build()
}

/// Writes a column: what is there, and at which places something is.
fn fill(column: &mut ColumnWriter, values: &[&Value]) -> Result<(), ParquetError> {
    macro_rules! write {
        ($writer:expr, $read:expr) => {{
            let read: Vec<_> = values.iter().map(|value| $read(value)).collect();
            let levels: Vec<i16> = read
                .iter()
                .map(|value| if value.is_some() { PRESENT } else { NULL })
                .collect();
            let present: Vec<_> = read.into_iter().flatten().collect();
            $writer.write_batch(&present, Some(&levels), None)?;
        }};
    }
    match column {
        ColumnWriter::Int64ColumnWriter(writer) => write!(writer, integer),
        ColumnWriter::DoubleColumnWriter(writer) => write!(writer, Value::number),
        ColumnWriter::ByteArrayColumnWriter(writer) => write!(writer, text),
        _ => {
            let problem = "a column of a kind that the schema does not have";
            return Err(ParquetError::General(problem.to_owned()));
        }
    }
    Ok(())
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(value) => Some(*value),
        _ => None,
    }
}

fn text(value: &Value) -> Option<ByteArray> {
    match value {
        Value::Text(text) => Some(ByteArray::from(text.as_str())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field as Cell;

    use super::*;

    #[test]
    fn what_is_written_is_read_null_for_null() {
        let fields = [("t", Kind::Text), ("i", Kind::Integer), ("r", Kind::Real)];
        let fields = fields.map(|(name, kind)| Field { name, kind });
        let row = |i: usize| match i % 3 {
            0 => vec![Value::Missing, Value::Missing, Value::Missing],
            1 => vec!["ä,\"".into(), Value::Integer(-(i as i64)), Value::Real(0.1)],
            _ => vec![i.to_string().into(), i.into(), Value::Real(f64::INFINITY)],
        };
        // More than a group, in pieces that do not divide it.
        let rows: Vec<_> = (0..GROUP + 5).map(row).collect();
        let name = format!("evenkeel-parquet-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut writer = Box::new(Writer::new(&fields, File::create(&path).unwrap()).unwrap());
        for chunk in rows.chunks(1000) {
            writer.rows(chunk.to_vec()).unwrap();
        }
        writer.finish().unwrap();

        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut count = 0;
        for (read, written) in reader.get_row_iter(None).unwrap().zip(&rows) {
            for ((_, cell), value) in read.unwrap().get_column_iter().zip(written) {
                let expected = match value {
                    Value::Missing => Cell::Null,
                    Value::Text(text) => Cell::Str(text.clone()),
                    Value::Integer(value) => Cell::Long(*value),
                    Value::Real(value) => Cell::Double(*value),
                };
                assert_eq!(*cell, expected);
            }
            count += 1;
        }
        assert_eq!(count, rows.len());
    }
}
