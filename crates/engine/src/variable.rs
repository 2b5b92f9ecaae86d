//! Variables that not everybody may set.

/// Whether a variable is one of those that tell a step what it runs for. A step and a dispatch cannot change them for
/// the steps to come, which rely on them.
pub(crate) fn is_reserved(name: &str) -> bool {
    name == "CI"
        || name == "FLOWCD"
        || name.starts_with("FLOWCD_")
        || name.starts_with("SERVERLESS_CD")
}

/// Whether a variable makes usual programs run what it says. A step whose output comes from outside could be led to
/// write it; what a step needs it for stands in the pipeline.
pub(crate) fn injects_programs(name: &str) -> bool {
    const NAMES: [&str; 17] = [
        "BASH_ENV",
        "ENV",
        "GIT_ASKPASS",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_EDITOR",
        "GIT_EXEC_PATH",
        "GIT_EXTERNAL_DIFF",
        "GIT_PAGER",
        "GIT_PROXY_COMMAND",
        "GIT_SEQUENCE_EDITOR",
        "GIT_TEMPLATE_DIR",
        "LD_AUDIT",
        "LD_PRELOAD",
        "NODE_OPTIONS",
        "PYTHONSTARTUP",
        "SSH_ASKPASS",
    ];
    const BEGINNINGS: [&str; 2] = ["GIT_CONFIG", "GIT_SSH"];
    NAMES.contains(&name) || BEGINNINGS.iter().any(|begin| name.starts_with(begin))
}
