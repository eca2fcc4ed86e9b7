//! Lines and columns of a text to bytes and back, neither by reading a line from its start for each.

/// A place in a file, both 1-based; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Offsets to places, asked for in ascending order.
pub struct Places<'t> {
    text: &'t str,
    offset: usize,
    place: Place,
}

impl<'t> Places<'t> {
    pub fn of(text: &'t str) -> Self {
        Self { text, offset: 0, place: Place { line: 1, column: 1 } }
    }

    /// Where the byte at an offset stands.
    pub fn at(&mut self, offset: usize) -> Place {
        for character in self.text[self.offset..offset].chars() {
            match character {
                '\n' => self.place = Place { line: self.place.line + 1, column: 1 },
                _ => self.place.column += 1,
            }
        }
        self.offset = offset;
        self.place
    }
}

/// Characters between two marks.
const STRIDE: usize = 128;

/// Places to offsets, asked for in any order.
#[derive(Debug)]
pub struct Offsets {
    /// How many characters stand before each line.
    lines: Vec<usize>,
    /// Where every [`STRIDE`]th character begins, in bytes.
    marks: Vec<usize>,
}

impl Offsets {
    pub fn of(text: &str) -> Self {
        let (mut lines, mut marks) = (vec![0], Vec::new());
        for (nth, (at, character)) in text.char_indices().enumerate() {
            if nth % STRIDE == 0 {
                marks.push(at);
            }
            if character == '\n' {
                lines.push(nth + 1);
            }
        }
        Self { lines, marks }
    }

    /// Where the character at a place begins in `text`, the one these are of.
    pub fn at(&self, text: &str, place: Place) -> Option<usize> {
        let nth = self.lines.get(place.line.checked_sub(1)?)? + place.column.checked_sub(1)?;
        let mark = *self.marks.get(nth / STRIDE)?;
        text[mark..].char_indices().nth(nth % STRIDE).map(|(at, _)| mark + at)
    }
}
