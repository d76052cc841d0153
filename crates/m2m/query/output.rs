// SPDX-License-Identifier: Apache-2.0
//! Where rows go, and in which form.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use clap::ValueEnum;

use super::place::{InMaking, Target};
use crate::args::Format;
use crate::error::{Error, Result};

/// Where rows go.
pub(crate) struct Output {
    place: Place,
    format: Format,
}

enum Place {
    Stdout,
    /// A file of text that takes the results of all statements.
    Text(TextFile),
    /// A data file, or a bucket, that takes one result.
    Data {
        place: String,
        is_written: bool,
    },
}

/// A file of text.
enum TextFile {
    /// It takes its name when all is written.
    Whole(InMaking),
    /// It can be read while it grows.
    Growing(File),
}

/// The endings of files, and what they say.
const ENDINGS: [(&str, Format); 14] = [
    ("arrow", Format::Arrow),
    ("csv", Format::Csv),
    ("feather", Format::Arrow),
    ("ipc", Format::Arrow),
    ("json", Format::Json),
    ("jsonl", Format::Ndjson),
    ("markdown", Format::Markdown),
    ("md", Format::Markdown),
    ("ndjson", Format::Ndjson),
    ("npy", Format::Npy),
    ("parquet", Format::Parquet),
    ("tab", Format::Tsv),
    ("tsv", Format::Tsv),
    ("txt", Format::Table),
];

impl Output {
    /// Standard output.
    pub(crate) fn stdout(format: Format) -> Self {
        Self { place: Place::Stdout, format }
    }

    /// A file or an object that gets its name when all is written.
    ///
    /// `place` is a path or a URL, whose ending says the form unless `format`
    /// does; one that ends with a `/` holds a `.npy` file for each column.
    pub(crate) fn to(place: &str, format: Option<Format>) -> Result<Self> {
        Self::open(place, format, |path| {
            Ok(match Target::of(path)? {
                Target::File(path) => TextFile::Whole(InMaking::begin(path, "")?),
                Target::Other(path) => TextFile::Growing(File::options().write(true).open(path)?),
            })
        })
    }

    /// A file that can be read while it grows, or an object.
    pub(crate) fn growing(place: &str, format: Option<Format>) -> Result<Self> {
        Self::open(place, format, |path| File::create(path).map(TextFile::Growing))
    }

    fn open(
        place: &str,
        format: Option<Format>,
        create: impl FnOnce(&Path) -> io::Result<TextFile>,
    ) -> Result<Self> {
        let format = format_of(place, format)?;
        let is_remote = place.contains("://");
        if format.is_data() || (is_remote && matches!(format, Format::Csv | Format::Ndjson)) {
            return Ok(Self { place: Place::Data { place: place.into(), is_written: false }, format });
        }
        if is_remote {
            let reason = format!(
                "{format} is written to files of this machine; parquet, arrow, npy, csv and ndjson go to a bucket too"
            );
            return Err(Error::Setting { setting: format!("-o {place}"), reason });
        }
        let path = Path::new(place);
        let file = create(path).map_err(|source| Error::WriteRows { place: place.into(), source })?;
        Ok(Self { place: Place::Text(file), format })
    }

    /// The form of the rows.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Takes another form from now on; that of a data file stays.
    pub(crate) fn set_format(&mut self, format: Format) -> Result<()> {
        let is_data = matches!(self.place, Place::Data { .. });
        if is_data || format.is_data() {
            let reason =
                format!("{format} needs a file with that ending, `\\o rows.{format}`, and only that");
            return Err(Error::Setting { setting: "format".into(), reason });
        }
        self.format = format;
        Ok(())
    }

    /// The writer of text, or the place of the data file that takes the next result.
    pub(super) fn next(&mut self) -> Result<Next<'_>> {
        match &mut self.place {
            Place::Stdout => Ok(Next::Text(Box::new(io::stdout().lock()))),
            Place::Text(TextFile::Whole(making)) => Ok(Next::Text(Box::new(making.file()))),
            Place::Text(TextFile::Growing(file)) => Ok(Next::Text(Box::new(file))),
            Place::Data { place, is_written: true } => Err(Error::Setting {
                setting: format!("-o {place}"),
                reason: "it holds one result, and a second statement returns rows: run them one by one"
                    .into(),
            }),
            Place::Data { place, is_written } => {
                *is_written = true;
                Ok(Next::Data(place.clone()))
            }
        }
    }

    /// Gives a file its name.
    pub(crate) fn finish(self) -> Result<()> {
        match self.place {
            Place::Text(TextFile::Whole(making)) => {
                let place = making.target();
                making.finish().map_err(|source| Error::WriteRows { place, source })
            }
            Place::Data { place, is_written: false } => Err(Error::Setting {
                setting: format!("-o {place}"),
                reason: "no statement returned rows, so nothing was written".into(),
            }),
            Place::Stdout | Place::Text(TextFile::Growing(_)) | Place::Data { .. } => Ok(()),
        }
    }

    /// Leaves a file as it is: behind a prompt nothing need have been written.
    pub(super) fn close(self) -> Result<()> {
        match self.place {
            Place::Data { is_written: false, .. } => Ok(()),
            _ => self.finish(),
        }
    }
}

/// What takes the next result.
pub(super) enum Next<'a> {
    Text(Box<dyn Write + 'a>),
    Data(String),
}

fn format_of(place: &str, said: Option<Format>) -> Result<Format> {
    let fault = |reason: String| Err(Error::Setting { setting: format!("-o {place}"), reason });
    if place.ends_with('/') {
        return match said {
            None | Some(Format::Npy) => Ok(Format::Npy),
            Some(other) => fault(format!("a folder holds one `.npy` file for each column, not {other}")),
        };
    }
    let ending = Path::new(place).extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    let of_ending =
        ENDINGS.iter().find(|(known, _)| ending.as_deref() == Some(known)).map(|(_, format)| *format);
    match (said, of_ending) {
        (Some(said), Some(of_ending)) if said != of_ending && (said.is_data() || of_ending.is_data()) => {
            fault(format!("its ending says {of_ending}, and `--format` says {said}"))
        }
        (Some(said), _) => Ok(said),
        (None, Some(of_ending)) => Ok(of_ending),
        (None, None) => {
            let endings: Vec<String> = ENDINGS.iter().map(|(ending, _)| format!(".{ending}")).collect();
            fault(format!(
                "its ending says no form: take one of {}, a `/` at the end for `.npy` files, or `--format`",
                endings.join(", ")
            ))
        }
    }
}

impl Format {
    /// Whether it is for files of data, not for reading.
    pub(crate) fn is_data(self) -> bool {
        matches!(self, Self::Arrow | Self::Npy | Self::Parquet)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.to_possible_value();
        f.write_str(name.as_ref().map_or("table", |name| name.get_name()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_the_form_unless_it_is_said() {
        for (place, said, meant) in [
            ("a.csv", None, Format::Csv),
            ("A.PARQUET", None, Format::Parquet),
            ("s3://b/x.npy", None, Format::Npy),
            ("dir.csv/", None, Format::Npy),
            ("a.txt", Some(Format::Vertical), Format::Vertical),
            ("a.dat", Some(Format::Parquet), Format::Parquet),
            ("a", Some(Format::Tsv), Format::Tsv),
            ("/dev/stdout", Some(Format::Csv), Format::Csv),
        ] {
            assert_eq!(format_of(place, said).unwrap(), meant, "{place}");
        }
        for (place, said) in [
            ("a", None),
            ("a.xlsx", None),
            ("a.parquet", Some(Format::Csv)),
            ("a.csv", Some(Format::Npy)),
            ("d/", Some(Format::Csv)),
        ] {
            assert!(format_of(place, said).is_err(), "{place}");
        }
    }

    #[test]
    fn a_file_appears_when_it_is_whole_and_takes_the_place_of_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "old").unwrap();
        let write = || {
            let mut output = Output::to(path.to_str().unwrap(), None).unwrap();
            let Next::Text(mut out) = output.next().unwrap() else { panic!("csv is text") };
            out.write_all(b"new").unwrap();
            drop(out);
            output
        };
        drop(write());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write().finish().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_data_file_takes_one_result() {
        let mut output = Output::to("a.parquet", None).unwrap();
        assert!(matches!(output.next(), Ok(Next::Data(place)) if place == "a.parquet"));
        assert!(output.next().is_err());
        assert!(Output::to("a.parquet", None).unwrap().finish().is_err());
        assert!(Output::to("s3://b/a.md", None).is_err());
        assert!(Output::to("/nonexistent/a.csv", None).is_err());
    }
}
