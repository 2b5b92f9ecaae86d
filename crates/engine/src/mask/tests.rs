use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::{MAX_ADDED, MAX_ADDED_BYTES, MaskSet, Masker, Masks, TooMany};

/// Masks a text in pieces of every size.
fn check(secrets: &[&str], text: &str, expected: &str) {
    let set = Arc::new(MaskSet::new(secrets));
    assert_eq!(set.text(text), expected, "{secrets:?} in {text:?}");
    for size in 1..=text.len().max(1) {
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
        let masked = String::from_utf8_lossy(&mask(&set, &pieces)).into_owned();
        assert_eq!(masked, expected, "{secrets:?} in {text:?} by {size}");
    }
}

fn mask(set: &Arc<MaskSet>, pieces: &[&[u8]]) -> Vec<u8> {
    let mut masker = Masker::new(Arc::clone(set));
    let mut out = Vec::new();
    for piece in pieces {
        masker.push(piece, &mut out);
    }
    masker.flush(&mut out);
    out
}

#[test]
fn secrets_are_masked_wherever_they_stand() {
    for (secrets, text, expected) in [
        (&["s3cret"][..], "s3cret", "***"),
        (
            &["s3cret"],
            "a s3cret!\ns3crets3cret s3cre",
            "a ***!\n****** s3cre",
        ),
        (&["s3cret"], "s3s3cret", "s3***"),
        (&["s3cret"], "S3CRET", "S3CRET"),
        (
            &["abcd", "abcdefgh"],
            "abcd abcdefgh abcdef",
            "*** *** ***ef",
        ),
        (&["abcdefgh", "cdef"], "abcdefgx abcdefgh", "ab***gx ***"),
        (&["abcdef", "defghi"], "abcdefghi", "***"),
        (&["日本語"], "in 日本語。", "in ***。"),
        (&["a$&b", "$1$2"], "a$&b $1$2", "*** ***"),
        (&["token"], "token token", "*** ***"),
        (&["  token \n"], "[token]", "[***]"),
    ] {
        check(secrets, text, expected);
    }
}

#[test]
fn what_is_too_short_is_left_alone() {
    for secret in ["", "a", "abc", "    ", "\n\n\n\n", " ab ", "***", "a\nb"] {
        check(
            &[secret],
            "abc a b     \n\n\n\n *** ab x",
            "abc a b     \n\n\n\n *** ab x",
        );
    }
}

#[test]
fn a_secret_like_its_own_mask_ends() {
    check(&["****"], "**** *** *****", "*** *** ***");
    check(&["***a", "aaaa"], "***a aaaaaaaa ***", "*** *** ***");
}

#[test]
fn a_secret_of_several_lines_is_masked_whole_and_by_line() {
    let key = "-----BEGIN KEY-----\nabcdefgh\nab\n-----END KEY-----\n";
    check(&[key], key, "***\n");
    check(&[key], "  abcdefgh\r\n", "  ***\r\n");
    check(&[key], "ab -----END KEY-----", "ab ***");
    check(&["one1\r\ntwo2\r\n"], "one1\ntwo2\n", "***\n***\n");
    check(&["one1\ntwo2"], r#""one1\ntwo2""#, r#""***""#);
}

#[test]
fn encoded_secrets_are_masked() {
    for (secret, text, expected) in [
        ("hunter2", "aHVudGVyMg==", "***"),
        ("hunter2", "aHVudGVyMg", "***"),
        ("a?>~\u{ff}b", "YT8-fsO_Yg YT8+fsO/Yg==", "*** ***"),
        ("pass word/1&ü", "pass%20word%2F1%26%C3%BC", "***"),
        ("pass word/1&ü", "pass+word%2f1%26%c3%bc", "***"),
        ("pass word/1&ü", "pass%20word/1%26%C3%BC", "***"),
        ("(it's)!", "(it's)! %28it%27s%29%21", "*** ***"),
        ("tab\t\"q\"\\", r#"{"a":"tab\t\"q\"\\"}"#, r#"{"a":"***"}"#),
        ("a/<b>&ü", r"a/\u003cb\u003e\u0026ü", "***"),
        ("a/<b>&ü", r"a\/<b>&ü", "***"),
        ("a/<b>&ü", r"a/<b>&\u00fc", "***"),
        ("it's me", r"+ echo 'it'\''s me'", "+ echo '***'"),
        ("it's me", r#"+ echo 'it'"'"'s me'"#, "+ echo '***'"),
    ] {
        check(&[secret], text, expected);
    }
}

#[test]
fn base64_is_recognised_within_something_longer() {
    let secret = "correct horse battery";
    for before in ["", "u", "us", "use", "user"] {
        for after in ["", "\n", "ab", "abc"] {
            let encoded = STANDARD.encode(format!("{before}{secret}{after}"));
            let masked = MaskSet::new([secret]).text(&encoded);
            // What is left are the characters that share bits with what stands around the secret.
            let (left, right) = masked.split_once("***").expect("it is masked");
            assert!(
                left.len() <= before.len().div_ceil(3) * 4,
                "{encoded} {masked}"
            );
            assert!(right.len() <= 8, "{encoded} {masked}");
            let left = STANDARD
                .decode(left.trim_end_matches('='))
                .unwrap_or_default();
            assert!(
                !String::from_utf8_lossy(&left).contains('c'),
                "{encoded} {masked}"
            );
        }
    }
}

#[test]
fn base64_is_recognised_when_it_is_wrapped() {
    let secret: String = (0..200).map(|n| char::from(b'A' + n % 26)).collect();
    for width in [64, 76] {
        let encoded = STANDARD.encode(format!("{secret}\n"));
        let lines: Vec<&str> = encoded
            .as_bytes()
            .chunks(width)
            .filter_map(|line| std::str::from_utf8(line).ok())
            .collect();
        let masked = MaskSet::new([&secret]).text(&lines.join("\n"));
        assert_eq!(masked, vec!["***"; lines.len()].join("\n"));
    }
}

#[test]
fn bytes_that_are_no_text_go_through_untouched() {
    let set = Arc::new(MaskSet::new(["s3cret"]));
    let bytes: Vec<u8> = (0..=255).chain(*b"s3cret").chain((0..=255).rev()).collect();
    let expected: Vec<u8> = (0..=255).chain(*b"***").chain((0..=255).rev()).collect();
    for size in 1..20 {
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        assert_eq!(mask(&set, &pieces), expected);
    }
}

#[test]
fn only_the_beginning_of_a_secret_is_held_back() {
    let set = Arc::new(MaskSet::new(["s3cret", "s3cret-and-more", "password"]));
    for (pieces, expected) in [
        (&["hello\n"][..], "hello\n"),
        (&["password: "], "***: "),
        (&["the password"], "the ***"),
        (&["pass"], ""),
        (&["pass", "port"], "passport"),
        (&["pass", "pass"], "pass"),
        (&["s3cret"], ""),
        (&["s3cret", "\n"], "***\n"),
        (&["s3cret-and-"], ""),
        (&["s3cret-and-", "then"], "***-and-then"),
        (&["xs3c", "ret-and-more"], "x***"),
        (&["s3cret-and-mos3c"], "***-and-mo"),
    ] {
        let mut masker = Masker::new(Arc::clone(&set));
        let mut out = Vec::new();
        for piece in pieces {
            masker.push(piece.as_bytes(), &mut out);
        }
        // The first characters of encoded forms may be held back, too; these texts do not end with any.
        assert_eq!(String::from_utf8_lossy(&out), expected, "{pieces:?}");
    }
}

#[test]
fn values_are_added_up_to_a_limit_and_once() {
    let masks = Masks::new(["known-value".to_owned()]);
    assert_eq!(masks.version(), 0);
    assert_eq!(masks.add(["known-value".to_owned()]), Ok(()));
    assert_eq!(masks.version(), 0);
    assert_eq!(masks.add(["added-value".to_owned()]), Ok(()));
    assert_eq!(masks.version(), 1);
    assert_eq!(masks.text("known-value added-value"), "*** ***");
    let too_long = "x".repeat(MAX_ADDED_BYTES);
    let values = [too_long.clone(), "after-it".to_owned()];
    assert_eq!(masks.add(values), Err(TooMany));
    assert_eq!(masks.text("after-it"), "***");
    assert_eq!(masks.text(&too_long), too_long);
    let many = (0..MAX_ADDED).map(|n| format!("number-{n}"));
    assert_eq!(masks.add(many), Err(TooMany));
    assert_eq!(masks.text("number-0"), "***");
    assert_eq!(masks.text("number-998"), "***8");
}

#[test]
fn without_secrets_everything_goes_through_at_once() {
    let set = Arc::new(MaskSet::new([""; 0]));
    let mut masker = Masker::new(set);
    let mut out = Vec::new();
    masker.push(b"pass\xff", &mut out);
    assert_eq!(out, b"pass\xff");
    masker.flush(&mut out);
    assert_eq!(out, b"pass\xff");
}

#[test]
fn secrets_made_to_slow_the_search_down_do_not() {
    let long = "abcd".repeat(20_000);
    let set = Arc::new(MaskSet::of_forms(vec![
        b"abcd".to_vec(),
        format!("{long}X").into_bytes(),
        "a".repeat(50_000).into_bytes(),
        b"aaaa".to_vec(),
    ]));
    let text = format!("{}Y{}Y", long.repeat(3), "a".repeat(400_000));
    let begin = std::time::Instant::now();
    let masked = mask(&set, &text.as_bytes().chunks(1000).collect::<Vec<_>>());
    assert_eq!(masked.len(), 60_000 * 3 + 1 + 3 + 1);
    assert!(
        begin.elapsed() < std::time::Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}

/// What masking is, without any thought for speed: mark the bytes of every occurrence.
fn reference(forms: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    reference_from(forms, forms, 0, text)
}

proptest! {
    #[test]
    fn any_cut_gives_what_the_reference_gives(
        forms in prop::collection::vec("[abc]{4,9}", 1..6),
        text in "[abc ]{0,80}",
        cuts in prop::collection::vec(0_usize..80, 0..8),
    ) {
        let forms: Vec<Vec<u8>> = forms.into_iter().map(String::into_bytes).collect();
        let set = Arc::new(MaskSet::of_forms(forms.clone()));
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.sort_unstable();
        cuts.push(text.len());
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            pieces.push(&text.as_bytes()[from..cut]);
            from = cut;
        }
        let expected = reference(&forms, text.as_bytes());
        let actual = mask(&set, &pieces);
        prop_assert_eq!(String::from_utf8_lossy(&actual), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn what_is_held_back_is_the_beginning_of_a_form(
        forms in prop::collection::vec("[ab]{4,7}", 1..4),
        text in "[abc]{0,40}",
    ) {
        let set = Arc::new(MaskSet::of_forms(forms.iter().map(|form| form.clone().into_bytes()).collect()));
        let mut masker = Masker::new(set);
        masker.push(text.as_bytes(), &mut Vec::new());
        let held = masker.stream.as_ref().map(|stream| stream.held.clone()).unwrap_or_default();
        let longest = (0..=text.len()).map(|start| &text.as_bytes()[start..]).find(|rest| {
            rest.is_empty() || forms.iter().any(|form| form.len() > rest.len() && form.as_bytes().starts_with(rest))
        });
        prop_assert_eq!(Some(held.as_slice()), longest);
    }

    #[test]
    fn a_secret_cut_anywhere_is_masked_in_every_form(
        secret in "\\PC{4,40}",
        before in "[ -~\n]{0,20}",
        after in "[ -~\n]{0,20}",
    ) {
        prop_assume!(secret.trim().len() >= 4);
        let set = Arc::new(MaskSet::new([&secret]));
        let json = serde_json::Value::from(secret.as_str()).to_string();
        let base64 = STANDARD.encode(&secret);
        for form in [secret.trim(), &json[1..json.len() - 1], &base64] {
            let text = format!("{before}{form}{after}");
            let whole = mask(&set, &[text.as_bytes()]);
            let is_left = String::from_utf8_lossy(&whole).contains(form);
            prop_assert!(!is_left || MaskSet::new([&secret]).text(&before).contains(form), "{}", form);
            for cut in 0..=text.len() {
                let (first, second) = text.as_bytes().split_at(cut);
                prop_assert_eq!(&mask(&set, &[first, second]), &whole);
            }
        }
    }
}

proptest! {
    /// What is printed after a value was added is masked, wherever the stream was cut when it came; what was masked
    /// before still is; and not a byte is lost.
    #[test]
    fn a_set_that_grows_masks_from_there_on(
        old in prop::collection::vec("[abc]{4,7}", 0..4),
        new in prop::collection::vec("[abc]{4,7}", 1..4),
        text in "[abc ]{0,60}",
        cut in 0_usize..60,
        size in 1_usize..20,
    ) {
        let bytes = |forms: &[String]| forms.iter().map(|form| form.clone().into_bytes()).collect::<Vec<_>>();
        let (before, after) = text.as_bytes().split_at(cut.min(text.len()));
        let mut masker = Masker::new(Arc::new(MaskSet::of_forms(bytes(&old))));
        let mut actual = Vec::new();
        for piece in before.chunks(size) {
            masker.push(piece, &mut actual);
        }
        let n_held = masker.stream.as_ref().map_or(0, |stream| stream.held.len());
        let all = [bytes(&old), bytes(&new)].concat();
        masker.change_set(Arc::new(MaskSet::of_forms(all.clone())));
        for piece in after.chunks(size) {
            masker.push(piece, &mut actual);
        }
        masker.flush(&mut actual);
        let expected = reference_from(&bytes(&old), &all, before.len() - n_held, text.as_bytes());
        prop_assert_eq!(String::from_utf8_lossy(&actual), String::from_utf8_lossy(&expected));
    }
}

/// `reference` with the forms of `old` before the byte `from`, and those of `all` after it.
fn reference_from(old: &[Vec<u8>], all: &[Vec<u8>], from: usize, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut masked_to = 0;
    for at in 0..text.len() {
        let forms = if at < from { old } else { all };
        let found = forms.iter().filter(|form| text[at..].starts_with(form));
        if let Some(length) = found.map(Vec::len).max() {
            if at >= masked_to {
                out.extend_from_slice(b"***");
            }
            masked_to = masked_to.max(at + length);
        }
        if at >= masked_to {
            out.push(text[at]);
        }
    }
    out
}
