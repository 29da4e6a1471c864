//! A file below /sys that holds one number: opened once, and read again from its beginning without an allocation.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::read_error::ReadError;

/// Such a file.
pub(super) struct Attribute {
    file: File,
}

impl Attribute {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)? })
    }

    /// `None` where there is no such file, or none that may be read.
    pub fn find(path: &Path) -> Option<Self> {
        Self::open(path).ok()
    }

    /// Its number now.
    pub fn number(&self) -> Result<u64, ReadError> {
        let mut text = [0; 32];
        let length = self.file.read_at(&mut text, 0).map_err(|error| ReadError::of_file(&error))?;
        number_in(&text[..length])
    }
}

/// The first line's number, from 0 on.
fn number_in(text: &[u8]) -> Result<u64, ReadError> {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return Err(ReadError::NotANumber);
    }
    line.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9).ok_or(ReadError::NotANumber)?;
        number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u64::from(digit)))
            .ok_or(ReadError::NotANumber)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_number_is_one() {
        assert_eq!(number_in(b"415000000\n"), Ok(415_000_000));
        assert_eq!(number_in(b"0"), Ok(0));
        // What an earlier, longer text has left behind the line.
        assert_eq!(number_in(b"99\n00\n"), Ok(99));
        for junk in
            [&b""[..], b"\n", b"N/A\n", b"-5\n", b"4.5\n", b"0x10", b"1 2", b"99999999999999999999999"]
        {
            assert_eq!(number_in(junk), Err(ReadError::NotANumber), "{}", junk.escape_ascii());
        }
    }
}
