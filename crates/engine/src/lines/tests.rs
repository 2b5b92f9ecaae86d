use super::{dotenv, pairs, text, text_before_fault, values};

fn show(pairs: &[(String, String)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"));
    pairs.collect::<Vec<_>>().join(" ")
}

fn check(text: &str, expected: &str) {
    let read = pairs(text);
    let error = read.error.map(|error| error.to_string());
    let actual = [
        Some(show(&read.pairs)).filter(|text| !text.is_empty()),
        error,
    ];
    let actual: Vec<String> = actual.into_iter().flatten().collect();
    assert_eq!(actual.join(" | "), expected, "{text:?}");
}

#[test]
fn values_are_taken_as_they_are() {
    check("", "");
    check("a=1\nb=2\n", r#"a="1" b="2""#);
    check("a=1\n\n \nb=2", r#"a="1" b="2""#);
    check("a=\n", r#"a="""#);
    check("a= x=y \"q\" #c \n", r##"a=" x=y \"q\" #c ""##);
    check("a=b<<c\n", r#"a="b<<c""#);
    check("a=1\r\nb=2\r\n", r#"a="1" b="2""#);
    check("größe=ü\n", r#"größe="ü""#);
    check("a-b.c=1\n", r#"a-b.c="1""#);
    check("a=1\na=2\n", r#"a="1" a="2""#);
}

#[test]
fn a_value_can_have_several_lines() {
    check(
        "a<<END\none\n\n two=2 \nEND\nb=1\n",
        r#"a="one\n\n two=2 " b="1""#,
    );
    check("a << END\none\nEND\n", r#"a="one""#);
    check("a<<END\nEND\n", r#"a="""#);
    check("a<<E=F\nx\nE=F\n", r#"a="x""#);
    check("a<<END\r\none\r\ntwo\r\nEND\r\n", r#"a="one\ntwo""#);
    check("a<<END\n END\nENDE\nEND", r#"a=" END\nENDE""#);
}

#[test]
fn the_first_line_that_is_wrong_is_named_and_what_is_before_it_kept() {
    check(
        "a=1\nhello\nb=2\n",
        r#"a="1" | line 2: it is neither `name=value` nor `name<<END`"#,
    );
    check(
        "a=1\n\na<<END\nb=2\n",
        r#"a="1" | line 3: no line `END` ends the value of `a`"#,
    );
    check(
        "a<<\nx\n",
        "line 1: `a<<` does not say which line ends the value",
    );
    check("=1\n", "line 1: a name is one word, of at most 256 bytes");
    check(
        "a b=1\n",
        "line 1: a name is one word, of at most 256 bytes",
    );
    check(
        "export a=1\n",
        "line 1: a name is one word, of at most 256 bytes",
    );
    check(
        "a\u{7}=1\n",
        "line 1: a name is one word, of at most 256 bytes",
    );
    let long = "x".repeat(257);
    check(
        &format!("{long}=1"),
        "line 1: a name is one word, of at most 256 bytes",
    );
}

#[test]
fn what_is_no_text_is_named_with_its_line_and_what_is_before_it_kept() {
    for (bytes, before, expected) in [
        (&b"a=1\nb=\xff\n"[..], "a=1\n", "line 2: it is not UTF-8"),
        (b"a=1\n\n\0\xff", "a=1\n\n", "line 3: it has a NUL byte"),
        (b"\xff\xfea\0=\0", "", "line 1: it is not UTF-8"),
    ] {
        let (text, error) = text_before_fault(bytes);
        assert_eq!(text, before);
        assert_eq!(
            error.map(|error| error.to_string()).as_deref(),
            Some(expected)
        );
    }
    assert_eq!(text(b"\xef\xbb\xbfa=1"), Ok("a=1"));
}

#[test]
fn a_file_of_values_is_taken_even_half_written() {
    for (text, expected) in [
        ("", &[][..]),
        ("one\n\ntwo", &["one", "two"]),
        ("a=b\r\n  c \n", &["a=b", "  c "]),
        ("<<END\none\ntwo\nEND\nthree\n", &["one\ntwo", "three"]),
        ("<<END\none\ntw", &["one\ntw", "<<END"]),
        ("<<\none\n", &["<<", "one"]),
        ("x<<END\n", &["x<<END"]),
    ] {
        assert_eq!(values(text), expected, "{text:?}");
    }
}

#[test]
fn an_env_file_knows_comments_and_quotes() {
    for (text, expected) in [
        (
            "# all\n\nA=1\n  export B = two words # really\n",
            r#"A="1" B="two words""#,
        ),
        ("A=pa#ss\n", r##"A="pa#ss""##),
        ("A='${x} \\n # \"'\n", r##"A="${x} \\n # \"""##),
        (
            "A=\"a\\n\\t\\\"b\\\" \\$c \\d\" # e\n",
            r#"A="a\n\t\"b\" $c \\d""#,
        ),
        ("A=\"one\ntwo\"\nB='x\n\ny'\n", r#"A="one\ntwo" B="x\n\ny""#),
        ("A<<END\none # two\nEND\n", r##"A="one # two""##),
        ("A=${{ secrets.X }}\n", r#"A="${{ secrets.X }}""#),
        ("A=\nB=''\n", r#"A="" B="""#),
        ("A=x<<y\n", r#"A="x<<y""#),
    ] {
        let actual = dotenv(text).map(|pairs| show(&pairs));
        assert_eq!(actual, Ok(expected.to_owned()), "{text:?}");
    }
    for (text, expected) in [
        (
            "A=1\nnonsense\n",
            "line 2: it is neither `name=value` nor `name<<END`",
        ),
        ("A='x\ny\n", "line 1: no ' ends the value"),
        (
            "A=\"x\" y\n",
            "line 1: something stands after the end of the quoted value",
        ),
        ("A<<END\nx\n", "line 1: no line `END` ends the value of `A`"),
        (
            "A B=1\n",
            "line 1: a name is one word, of at most 256 bytes",
        ),
    ] {
        let actual = dotenv(text).map_err(|error| error.to_string());
        assert_eq!(actual, Err(expected.to_owned()), "{text:?}");
    }
}
