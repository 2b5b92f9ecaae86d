use super::{Hazard, hazards};
use crate::expr;

/// What is wrong with each expression of a script; nothing where a variable can stand for it.
fn told(script: &str) -> Vec<Hazard> {
    let all = expr::expression_spans(script);
    let found = hazards(script, &all, &all);
    found.into_iter().map(|(_, hazard)| hazard).collect()
}

#[test]
fn a_variable_is_safe_directly_inside_double_quotes() {
    for script in [
        "echo \"${{ x }}\"",
        "echo \"a 'b' ${{ x }} c\" 'd'",
        "echo 'it' \"$(date) ${{ x }}\"",
        "echo \"$(cat \"${{ x }}\")\"",
        "A=\"${{ x }}\"; B=$((1 + 2)) C=\"${A%.*} ${{ y }}\"",
        "echo \"\\\"${{ x }}\\\"\"",
        "# nothing: ' ${{ x }}\necho \"${{ x }}\"",
        "echo $# '#' a#b \"${{ x }}\"",
        "cat <<EOF >file\n'${{ x }}'\nEOF\necho \"${{ y }}\"",
        "cat <<-EOF\n\tit's \"${{ x }}\n\tEOF\necho \"${{ y }}\"",
        "cat <<'EOF'\n\" ' \nEOF\necho \"${{ y }}\"",
        "cat <<< \"${{ x }}\"",
        "if [ \"${{ x }}\" = main ]; then echo \"let it eval\"; fi",
        "false || node x.js \"${{ x }}\"",
        "case a in a) echo \"${{ x }}\" ;; esac",
        "echo $'\\n' \"${{ x }}\"",
        "echo \"${{ x }}\" \\\n  \"${{ y }}\"",
    ] {
        assert_eq!(told(script), [], "{script}");
    }
}

#[test]
fn a_variable_is_not_safe_anywhere_else() {
    use Hazard::{Bare, Command, Literal, Nested};
    for (script, expected) in [
        ("echo ${{ x }}", Bare),
        ("echo \"a\"${{ x }}", Bare),
        ("echo \"a\\\"\" ${{ x }}", Bare),
        ("echo it\\'s ${{ x }}", Bare),
        ("echo \"$(cat ${{ x }})\"", Bare),
        ("echo 'a ${{ x }}'", Literal),
        ("echo $'a ${{ x }}'", Literal),
        ("cat <<'EOF'\n${{ x }}\nEOF", Literal),
        ("cat <<\\EOF\n${{ x }}\nEOF", Literal),
        ("cat <<EOF\n$(echo ${{ x }})\nEOF", Nested),
        ("cat <<EOF\n${{ x }}\n", Nested),
        ("cat <<EOF\na\\\nEOF\necho ${{ x }}\nEOF", Nested),
        ("echo `echo \"${{ x }}\"`", Nested),
        ("echo \"${A:-${{ x }}}\"", Nested),
        ("echo \"$((${{ x }}))\"", Nested),
        ("echo $[\"${{ x }}\"]", Nested),
        ("(( \"${{ x }}\" ))", Nested),
        ("a[\"${{ x }}\"]=1", Nested),
        ("echo \"\\${{ x }}\"", Nested),
        ("echo \"$${{ x }}\"", Nested),
        ("echo \"$(case a in a) echo ';' ;; esac) ${{ x }}\"", Nested),
        ("echo $'\\'' \"${{ x }}\"", Literal),
        ("a; \"${{ x }}\"", Command),
    ] {
        assert_eq!(told(script), [expected], "{script}");
    }
}

#[test]
fn a_variable_is_not_safe_where_a_command_takes_it_for_a_program() {
    for (script, command) in [
        ("eval \"echo ${{ x }}\"", "eval"),
        ("X=1 eval 'echo' \"${{ x }}\"", "eval"),
        ("sh -c \"\n  echo ${{ x }}\n\"", "sh"),
        ("sudo /bin/bash -ec \\\n \"echo ${{ x }}\"", "/bin/bash"),
        ("python3.12 -c \"print('${{ x }}')\"", "python3.12"),
        ("node -e \"${{ x }}\"", "node"),
        ("ssh host \"echo ${{ x }}\"", "ssh"),
        ("a && . \"${{ x }}\"", "."),
        ("[[ \"${{ x }}\" -eq 1 ]]", "[["),
        ("echo \"${{ x }}\" | sh", "sh"),
        ("echo \"${{ x }}\" | sort | xargs -n1", "xargs"),
        ("bash <<EOF\necho ${{ x }}\nEOF", "bash"),
        ("cat <<EOF | ssh host\necho ${{ x }}\nEOF", "ssh"),
        ("eval \"$(echo \"${{ x }}\")\"", "eval"),
    ] {
        let expected = [Hazard::Program(command.to_owned())];
        assert_eq!(told(script), expected, "{script}");
    }
}

#[test]
fn nothing_that_is_no_script_stops_the_search() {
    for end in [
        "\\", "'", "\"", "$", "${", "$(", "$((", "((", "<<", "<<-", "<<<", "<<A", "<<A\n", "`",
        "$'", "$[", "#", "é", ")",
    ] {
        for begin in ["", "echo ", "\"", "\"$(", "'"] {
            told(&format!("{begin}{end}"));
            told(&format!("{begin}{end}${{{{ x }}}}{end}"));
        }
    }
}
