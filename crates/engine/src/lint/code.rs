//! The kinds of things that can be said about a pipeline file. Their names are stable: people filter by them.

macro_rules! codes {
    ($($name:ident = $code:literal, $description:literal;)*) => {
        $(
            #[doc = $description]
            pub(crate) const $name: &str = $code;
        )*
        /// Each code and what it stands for.
        pub(super) const ALL: [(&str, &str); [$($code),*].len()] = [$(($code, $description)),*];
    };
}

codes! {
    BAD_INPUT = "bad-input", "A declaration of an input that makes no sense.";
    BAD_NAME = "bad-name", "A name that cannot be used as one.";
    BAD_VALUE = "bad-value", "A value that the key does not take.";
    DUPLICATE_ID = "duplicate-id", "A step's id that an earlier step has already.";
    EXPRESSION = "expression", "An expression that cannot be read.";
    IGNORED = "ignored", "Something that has no effect where it stands.";
    LEGACY = "legacy", "An old way of writing something.";
    NEVER_RUNS = "never-runs", "A step that can never run.";
    NO_STEPS = "no-steps", "A pipeline that does nothing.";
    NUMBER = "number", "A number that is not kept as it is written.";
    STRICT_QUOTES = "strict-quotes", "Untrusted text in a place of a script where no variable can safely stand for it.";
    STRICT_SHELL = "strict-shell", "Untrusted text in the script of a shell that it cannot be kept from.";
    TOO_LARGE = "too-large", "A file beyond the limits.";
    UNKNOWN_CONTEXT = "unknown-context", "A variable that does not exist.";
    UNKNOWN_KEY = "unknown-key", "A key that is not one, and is ignored.";
    UNKNOWN_STEP = "unknown-step", "A step that does not exist, or has not run yet.";
    UNPINNED_PLUGIN = "unpinned-plugin", "A plugin without an exact version.";
    UNTRUSTED_TEXT = "untrusted-text", "Text from outside that becomes a part of a script.";
    YAML = "yaml", "A file that is not YAML.";
}
