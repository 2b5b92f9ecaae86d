use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{CommandFiles, CommandFolder, Kind};

fn files() -> (TempDir, CommandFiles) {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = CommandFolder::open(home.path()).expect("it is opened");
    let files = folder.create(3, 1).expect("they are made");
    (home, files)
}

fn path_of(files: &CommandFiles, variable: &str) -> PathBuf {
    let variables = files.variables();
    let found = variables.iter().find(|(name, _)| name == variable);
    PathBuf::from(&found.expect("it is there").1)
}

fn read(files: &CommandFiles) -> String {
    match files.read(Kind::Output) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_files_are_private_and_have_two_names_where_people_know_two() {
    let (_home, files) = files();
    let output = path_of(&files, "FLOWCD_OUTPUT");
    let mode = |path: &Path| path.metadata().expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode(&output), 0o600);
    assert_eq!(mode(output.parent().expect("it has one")), 0o700);
    assert_eq!(path_of(&files, "SERVERLESS_CD_OUTPUT"), output);
    assert_eq!(
        path_of(&files, "SERVERLESS_CD_ENV"),
        path_of(&files, "FLOWCD_ENV")
    );
    for variable in ["FLOWCD_PATH", "FLOWCD_SUMMARY", "FLOWCD_MASK"] {
        assert!(path_of(&files, variable).is_file(), "{variable}");
    }
}

#[test]
fn what_was_written_is_read_also_when_the_file_or_its_folder_is_gone() {
    let (_home, files) = files();
    let output = path_of(&files, "FLOWCD_OUTPUT");
    fs::write(&output, "a=1\n").expect("it is written");
    assert_eq!(read(&files), "a=1\n");
    // Twice: reading has no memory.
    assert_eq!(read(&files), "a=1\n");
    fs::remove_file(&output).expect("it is removed");
    assert_eq!(read(&files), "a=1\n");
    fs::write(&output, "b=2\n").expect("it is written");
    assert_eq!(read(&files), "b=2\n");
    fs::remove_dir_all(output.parent().expect("it has one")).expect("it is removed");
    assert_eq!(read(&files), "a=1\n");
}

#[test]
fn nothing_but_a_file_of_a_sane_length_is_read() {
    let (home, files) = files();
    let secret = home.path().join("secret");
    fs::write(&secret, "s3cret").expect("it is written");
    let output = path_of(&files, "FLOWCD_OUTPUT");
    fs::remove_file(&output).expect("it is removed");
    symlink(&secret, &output).expect("it is linked");
    assert_eq!(read(&files), "$FLOWCD_OUTPUT: it is not a file");
    fs::remove_file(&output).expect("it is removed");
    fs::create_dir(&output).expect("it is made");
    assert_eq!(read(&files), "$FLOWCD_OUTPUT: it is not a file");
    fs::remove_dir(&output).expect("it is removed");
    #[expect(
        clippy::disallowed_methods,
        reason = "there is no pipe without a program"
    )]
    let made = Command::new("mkfifo").arg(&output).status();
    assert!(made.expect("it runs").success());
    assert_eq!(read(&files), "$FLOWCD_OUTPUT: it is not a file");
    fs::remove_file(&output).expect("it is removed");
    fs::write(&output, vec![b'x'; 64 * 1024 + 1]).expect("it is written");
    assert_eq!(read(&files), "$FLOWCD_OUTPUT: it is longer than 64 KiB");
}

#[test]
fn a_folder_that_took_the_place_of_another_is_not_entered() {
    let (home, files) = files();
    let output = path_of(&files, "FLOWCD_OUTPUT");
    let folder = output.parent().expect("it has one").to_owned();
    fs::write(&output, "a=1").expect("it is written");
    fs::rename(&folder, home.path().join("moved")).expect("it is moved");
    fs::create_dir(home.path().join("evil")).expect("it is made");
    fs::write(home.path().join("evil/output"), "evil=1").expect("it is written");
    symlink(home.path().join("evil"), &folder).expect("it is linked");
    assert_eq!(read(&files), "a=1");
}

#[test]
fn files_that_cannot_be_made_are_an_error() {
    let home = tempfile::tempdir().expect("a temporary folder");
    let folder = CommandFolder::open(home.path()).expect("it is opened");
    symlink("/tmp", home.path().join("step-1-1")).expect("it is linked");
    assert!(folder.create(1, 1).is_err());
    fs::remove_dir_all(home.path()).expect("it is removed");
    assert!(folder.create(2, 1).is_err());
}

#[test]
fn values_to_mask_are_seen_as_soon_as_they_are_written() {
    let (_home, files) = files();
    let path = path_of(&files, "FLOWCD_MASK");
    let mut file = files.mask_file().expect("it is held");
    assert_eq!(file.look(), [""; 0]);
    fs::write(&path, "first").expect("it is written");
    assert_eq!(file.look(), ["first"]);
    // The same length, in the same moment.
    fs::write(&path, "other").expect("it is written");
    assert_eq!(file.look(), ["other"]);
    fs::write(&path, "other\n<<END\none\ntwo\nEND\n").expect("it is written");
    assert_eq!(file.look(), ["other", "one\ntwo"]);
    // Another file in its place.
    fs::write(path.with_extension("new"), "third").expect("it is written");
    fs::rename(path.with_extension("new"), &path).expect("it is moved");
    assert_eq!(file.look().last().map(String::as_str), Some("third"));
    fs::remove_file(&path).expect("it is removed");
    symlink("/etc/passwd", &path).expect("it is linked");
    assert!(!file.look().iter().any(|value| value.contains("root")));
    assert!(!file.is_too_long());
}
