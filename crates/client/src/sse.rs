//! Server-sent events: bytes in, frames out.
//!
//! The format is the HTML standard's. It is small enough to be read here, in one pass over bytes that arrive cut
//! anywhere, with a limit on what one event may hold.

use std::{collections::VecDeque, time::Duration};

/// The most that one event may hold. A log event is at most 256 KiB of output, which JSON can make six times that.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;

/// An event as it was sent.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    /// The last id seen, here or earlier in the stream.
    pub(crate) id: Option<String>,
    /// The event's name; `message` when it has none.
    pub(crate) event: String,
    /// Its lines of data.
    pub(crate) data: String,
}

/// An event that is larger than the parser takes.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct TooLarge;

/// Turns the bytes of one connection into frames.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    /// The line that is not yet complete.
    line: Vec<u8>,
    /// Whether the last byte was a CR, so that an LF right after it ends no further line.
    is_after_cr: bool,
    is_started: bool,
    id: Option<String>,
    event: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    retry: Option<Duration>,
    frames: VecDeque<Frame>,
}

impl Parser {
    /// Takes the next bytes. Frames that became complete are then in [`next_frame`](Self::next_frame).
    pub(crate) fn push(&mut self, mut bytes: &[u8]) -> Result<(), TooLarge> {
        while let Some(&first) = bytes.first() {
            if self.is_after_cr && first == b'\n' {
                bytes = &bytes[1..];
            }
            self.is_after_cr = false;
            let end = bytes
                .iter()
                .position(|&byte| byte == b'\n' || byte == b'\r');
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + self.data.len() + part.len() > MAX_EVENT_BYTES {
                return Err(TooLarge);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { return Ok(()) };
            self.is_after_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(&line);
            // The buffer is used again: lines of one stream are of much the same length.
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }

    /// The oldest frame that was not yet taken.
    pub(crate) fn next_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    /// How long the server asks to wait before a reconnection, where it asked.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    fn take_line(&mut self, line: &[u8]) {
        let line = if self.is_started {
            line
        } else {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        };
        self.is_started = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => value.clone_into(&mut self.event),
            // An id with a NUL is ignored, as the standard says; one that no header carries could not be sent back.
            b"id" => {
                if let Ok(text) = std::str::from_utf8(value)
                    && !text.bytes().any(|byte| byte.is_ascii_control())
                {
                    self.id = Some(text.to_owned());
                }
            }
            b"retry" => {
                if let Some(ms) = std::str::from_utf8(value)
                    .ok()
                    .and_then(|text| text.parse().ok())
                {
                    self.retry = Some(Duration::from_millis(ms));
                }
            }
            // A comment has an empty name; other names are for readers of the future.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let event = std::mem::take(&mut self.event);
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        let event = if event.is_empty() {
            "message".to_owned()
        } else {
            String::from_utf8_lossy(&event).into_owned()
        };
        self.frames.push_back(Frame {
            id: self.id.clone(),
            event,
            data: String::from_utf8(data)
                .unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned()),
        });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{MAX_EVENT_BYTES, Parser, TooLarge};

    fn frames(chunks: &[&[u8]]) -> Vec<(Option<String>, String, String)> {
        let mut parser = Parser::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            parser.push(chunk).expect("small enough");
            while let Some(frame) = parser.next_frame() {
                frames.push((frame.id, frame.event, frame.data));
            }
        }
        frames
    }

    fn frame(id: Option<&str>, event: &str, data: &str) -> (Option<String>, String, String) {
        (id.map(str::to_owned), event.to_owned(), data.to_owned())
    }

    const STREAM: &[u8] = b"\xef\xbb\xbfretry: 100\n: hello\n\nid: 1\nevent: log\ndata: a\ndata:b\n\n\
        id: 2\r\nevent: \xe2\x9c\x93\r\ndata:  two\r\n\r\ndata\r\r: heartbeat\n\nevent: nothing\n\nother: x\nid\ndata: end\n\nid: lost\ndata: cut";

    #[test]
    fn every_cut_of_a_stream_gives_the_same_frames() {
        let expected = vec![
            frame(Some("1"), "log", "a\nb"),
            frame(Some("2"), "✓", " two"),
            frame(Some("2"), "message", ""),
            frame(Some(""), "message", "end"),
        ];
        assert_eq!(frames(&[STREAM]), expected);
        for cut in 0..=STREAM.len() {
            let (left, right) = STREAM.split_at(cut);
            assert_eq!(frames(&[left, right]), expected, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = STREAM.chunks(1).collect();
        assert_eq!(frames(&bytes), expected);
    }

    #[test]
    fn retry_is_read_and_nonsense_is_not() {
        let mut parser = Parser::default();
        parser.push(b"retry: soon\n").expect("small enough");
        assert_eq!(parser.retry(), None);
        parser.push(b"retry: 1500\n").expect("small enough");
        assert_eq!(parser.retry(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn ids_that_no_header_carries_are_ignored() {
        assert_eq!(
            frames(&[b"id: a\0b\ndata: x\n\n"]),
            [frame(None, "message", "x")]
        );
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = Parser::default();
        let chunk = vec![b'x'; 1024 * 1024];
        let pushed: Result<(), TooLarge> =
            (0..=MAX_EVENT_BYTES / chunk.len()).try_for_each(|_| parser.push(&chunk));
        assert_eq!(pushed, Err(TooLarge));

        let mut parser = Parser::default();
        let line = [b"data: ".as_slice(), &chunk, b"\n"].concat();
        let pushed: Result<(), TooLarge> =
            (0..=MAX_EVENT_BYTES / chunk.len()).try_for_each(|_| parser.push(&line));
        assert_eq!(pushed, Err(TooLarge));
    }

    #[test]
    fn invalid_utf_8_is_replaced_and_does_not_end_the_stream() {
        assert_eq!(
            frames(&[b"data: a\xffb\n\ndata: c\n\n"]),
            [
                frame(None, "message", "a\u{fffd}b"),
                frame(None, "message", "c")
            ]
        );
    }
}
