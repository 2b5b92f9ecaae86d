//! The forms in which a secret is likely to be printed.

use std::fmt::Write;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};

use super::MIN_BYTES;

/// Parts of encodings that are shorter than this are too likely to be something else.
const MIN_PART_BYTES: usize = 6;
/// The widths to which tools wrap base64: `base64` and MIME, `openssl` and PEM.
const BASE64_WIDTHS: [usize; 2] = [76, 64];

/// Adds the forms of a secret.
pub(super) fn of(secret: &str, forms: &mut Vec<Vec<u8>>) {
    let trimmed = secret.trim();
    if trimmed.len() < MIN_BYTES {
        return;
    }
    let mut add = |form: String| forms.push(form.into_bytes());
    add(trimmed.to_owned());
    if trimmed.contains('\n') {
        // Tools print files with an indentation, with other line ends or line by line.
        for line in trimmed.lines().map(str::trim) {
            if line.len() >= MIN_BYTES {
                add(line.to_owned());
            }
        }
    }
    for text in [secret, trimmed] {
        base64(text, &mut add);
        url(text, &mut add);
        json(text, &mut add);
        // How a shell quotes it, in what `set -x` prints for instance.
        if text.contains('\'') {
            add(text.replace('\'', r"'\''"));
            add(text.replace('\'', r#"'"'"'"#));
        }
        if text.len() == trimmed.len() {
            break;
        }
    }
}

fn base64(text: &str, add: &mut impl FnMut(String)) {
    for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
        add(engine.encode(text));
    }
    // Within something longer, `user:password` for instance, a secret begins at one of three places of a group of
    // four characters. Those that hold nothing but its bits are the same whatever stands around it.
    for n_before in 0..3 {
        let mut bytes = vec![0; n_before];
        bytes.extend_from_slice(text.as_bytes());
        let part = (n_before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&bytes);
            match encoded.get(part.clone()) {
                Some(part) if part.len() >= MIN_PART_BYTES => add(part.to_owned()),
                _ => {}
            }
        }
    }
    for encoded in [STANDARD.encode(text), STANDARD.encode(format!("{text}\n"))] {
        for width in BASE64_WIDTHS {
            if encoded.len() <= width {
                continue;
            }
            let mut rest = encoded.as_str();
            while !rest.is_empty() {
                let (line, after) = rest.split_at(width.min(rest.len()));
                if line.len() >= MIN_PART_BYTES {
                    add(line.to_owned());
                }
                rest = after;
            }
        }
    }
}

fn url(text: &str, add: &mut impl FnMut(String)) {
    // What is left as it is: in a form, by JavaScript, by RFC 3986, by Python within a path.
    for (plain, space) in [
        ("*-._", "+"),
        ("-_.!~*'()", "%20"),
        ("-_.~", "%20"),
        ("-_.~/", "%20"),
    ] {
        let encode = |digits: &[u8; 16]| {
            let mut encoded = String::new();
            for byte in text.bytes() {
                match byte {
                    b' ' => encoded.push_str(space),
                    _ if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) => {
                        encoded.push(char::from(byte));
                    }
                    _ => {
                        encoded.push('%');
                        encoded.push(char::from(digits[usize::from(byte >> 4)]));
                        encoded.push(char::from(digits[usize::from(byte & 15)]));
                    }
                }
            }
            encoded
        };
        add(encode(b"0123456789ABCDEF"));
        add(encode(b"0123456789abcdef"));
    }
}

fn json(text: &str, add: &mut impl FnMut(String)) {
    let quoted = serde_json::Value::from(text).to_string();
    let escaped = &quoted[1..quoted.len() - 1];
    let with = |is_escaped: fn(char) -> bool| {
        let mut out = String::new();
        for c in escaped.chars() {
            if !is_escaped(c) {
                out.push(c);
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
        out
    };
    // As Go writes it, and as Python does; as PHP does, and plainly.
    add(with(|c| matches!(c, '<' | '>' | '&')));
    add(with(|c| !c.is_ascii()));
    add(escaped.replace('/', "\\/"));
    add(escaped.to_owned());
}
