// Globs, as the npm package micromatch matches names against them: one by one, and in lists.

import micromatch from "micromatch";

import { picker, random } from "./generate.mjs";

const next = random(20210614);
const pick = picker(next);
const times = (n, make) => Array.from({ length: n }, make);

/** Parts of patterns, each with names of which most fit. */
const texts = ["a", "b", "ab", "dev", "v1", "x-y", "fix_1", "é", "c,d", "a@b", "x!"].map((text) => [text, [text]]);
const wild = [
  ["*", ["", "x", "abc", "dev", ".x"]],
  ["*", ["a", "bc", "1-2"]],
  ["?", ["a", "b", "1", ".", ""]],
  ["??", ["ab", "a", "x."]],
  ["**", ["", "a", "a/b", "x"]],
  ["*a", ["a", "ba", ".a", "xya"]],
  ["b*", ["b", "bc", "b.c"]],
];
const classes = [
  ["[ab]", ["a", "b", "c", "[ab]"]],
  ["[a-c]", ["a", "c", "d", "-"]],
  ["[^a]", ["b", "a", ".", "^"]],
  ["[^a-c]", ["d", "b", "/"]],
  ["[0-9]", ["0", "5", "a"]],
  ["[a-]", ["a", "-", "b"]],
  ["[]a]", ["]", "a", "b"]],
  ["[.b]", [".", "b", "a"]],
  ["[a*]", ["a", "*", "[a*]"]],
  ["[1]", ["1", "[1]", "2"]],
  ["[A-Z]", ["A", "a"]],
];
const named = [
  ["[[:digit:]]", ["1", "a"]],
  ["[[:alpha:]]", ["a", "Z", "1"]],
  ["[[:upper:]x]", ["A", "x", "y"]],
  ["[[:alnum:]_]", ["a", "_", "-"]],
  ["[[:space:]]", [" ", "a"]],
  ["[[:punct:]]", ["!", "a", "~"]],
  ["[[:xdigit:]]", ["F", "g"]],
  ["[[:word:]]", ["_", "-"]],
];
const ranges = [
  ["{1..3}", ["1", "2", "3", "4"]],
  ["{3..1}", ["1", "3", "0"]],
  ["{a..c}", ["a", "c", "d"]],
  ["{A..C}", ["B", "b"]],
];
const choices = [
  ["{a,b}", ["a", "b", "c", "ab"]],
  ["{ab,c}", ["ab", "c", "a"]],
  ["{,a}", ["", "a", "b"]],
  ["{a,b/c}", ["a", "b/c", "b"]],
  ["{a,{b,c}}", ["a", "b", "c"]],
  ["{a,{b,c}d}", ["a", "bd", "cd", "b"]],
  ["{*,b}", ["x", "b", ".b", ""]],
  ["{a*,?b}", ["ax", "bb", "a", ".b"]],
  ["{**,b}", ["x/y", "b"]],
  ["{a}", ["{a}", "a"]],
  ["{a,[bc]}", ["a", "b", "c", "d"]],
  ["{@(a|b),c}", ["a", "b", "c"]],
];
const groups = [
  ["@(a|b)", ["a", "b", "c", "ab"]],
  ["?(a)", ["", "a", "aa"]],
  ["?(a|b)", ["", "b", "c"]],
  ["+(a|b)", ["a", "ab", "bba", ""]],
  ["+(ab)", ["ab", "abab", "aba"]],
  ["*(a|b)", ["", "abab", "c"]],
  ["*(ab|c)", ["", "abc", "cab", "b"]],
  ["!(a|b)", ["", "a", "c", "ab", "abc"]],
  ["!(a)", ["b", "a", "aa", ""]],
  ["!(a*)", ["b", "ab", "ba"]],
  ["!(*a)", ["b", "ba", "ab"]],
  ["!(a/b)", ["a/b", "a", "a/c", "c/d"]],
  ["@(a*|b)", ["axy", "b", "bx"]],
  ["@(a|@(b|c))", ["a", "b", "c", "bc"]],
  ["@(a|+(b|c))", ["a", "bcb", "ab"]],
  ["!(@(a|b)|c)", ["a", "c", "d"]],
  ["@(!(a)|a)", ["a", "b", ""]],
  ["+([ab])", ["ab", "c", "baa"]],
  ["*([0-9])", ["", "12", "1a"]],
  ["+({a,b}c)", ["ac", "acbc", "c"]],
  ["(a|b)", ["a", "b", "c"]],
  ["(a|b)?", ["a", "", "c"]],
  ["[ab]+", ["ab", "c"]],
];
const escapes = ["*", "?", "[", "]", "{", "}", "(", ")", "!", "@", "+", "|", "^", "$", "-", "#", " ", "~"].map((c) => [`\\${c}`, [c, "a"]]);
const dots = [
  [".", ["."]],
  [".a", [".a", "a"]],
  [".*", [".", ".x", "..", "x"]],
  [".?", [".x", "."]],
  ["*.b", ["a.b", ".b", "ab"]],
  ["*.*", ["a.b", "a.", ".a"]],
  ["a.*", ["a.b", "a.", "a"]],
  [".{a,b}", [".a", ".c"]],
  ["!(*.d).ts", ["a.ts", "a.d.ts", ".ts"]],
  ["@(a.*|b)", ["a.x", "a.", "b"]],
  [".@(a|b)", [".a", "a"]],
];

const families = [texts, texts, wild, wild, wild, classes, choices, choices, groups, groups, groups, escapes, dots];
// Beside a range or a named class micromatch loses text before a dot and before a bar: see what is odd, below.
const plain = (list) => list.filter(([pattern]) => !/[|\\]/.test(pattern));
const besideRanges = [texts.slice(0, 7), wild, classes, named, named, ranges, ranges, choices, groups].map(plain);
const letters = ["a", "b", "c", ".", "/", "-", "1", "A", "..", "./", "x"];

/** What somebody could have meant to write, but has not. */
function blur(name) {
  const at = Math.floor(next() * (name.length + 1));
  switch (Math.floor(next() * 7)) {
    case 0:
      return name.slice(0, at) + pick(letters) + name.slice(at);
    case 1:
      return name.slice(0, at) + name.slice(at + 1);
    case 2:
      return `.${name}`;
    case 3:
      return `${name}/`;
    case 4:
      return `${name}/${pick(letters)}`;
    case 5:
      return `${pick(letters)}/${name}`;
    default:
      return name.slice(0, at) + pick(letters) + name.slice(at + 1);
  }
}

/** A pattern and a way to make names for it. */
function generate() {
  const from = next() < 0.2 ? besideRanges : families;
  const parts = [];
  const nSegments = pick([1, 1, 1, 2, 2, 3]);
  for (let segment = 0; segment < nSegments; segment += 1) {
    if (segment > 0) parts.push(["/", ["/"]]);
    if (nSegments > 1 && next() < 0.2) {
      parts.push(["**", ["", "a", "a/b", "x", ".x"]]);
      continue;
    }
    for (let n = pick([1, 1, 2, 2, 3]); n > 0; n -= 1) parts.push(pick(pick(from)));
  }
  const prefix = pick(["", "", "", "", "", "", "", "", "", "!", "./", "!!", "!./"]);
  const pattern = prefix + parts.map(([part]) => part).join("");
  if (pattern.includes("***")) return generate();
  const name = () => {
    const fit = parts.map(([, names]) => pick(names)).join("");
    return next() < 0.4 ? blur(fit) : fit;
  };
  return { pattern, name };
}

const pairs = new Map();
const add = (pattern, name) => {
  if (pattern !== "" && name !== "") pairs.set(JSON.stringify([pattern, name]), { pattern, name });
};

// One thing at a time.
const pool = [
  "a", "b", "ab", "abc", "ba", "a.b", "a.", ".a", ".", "..", "a/b", "a/b/c", "a/.b", ".a/b", "a/", "/a", "/", "a/b.js", "b.js", "b.js/", ".js", "a.b.js",
  "main", "dev", "dev-1", "feature", "feature-x", "feature/a", "feature/a/b", "featurex/y", "v1.2.3", "release/1.0", "A", "é", "日本",
];
const alone = [
  "*", "**", "***", "?", "??", "*.*", "*/*", "**/*", "**/**", "**/*.*", "**/.*", ".*", "./*", "./a", "././a", "*.js", "**.js", "**/*.js", "*/*.js", "*.b.js", ".*.js", "?*", "*?", "a*", "a**", "**a", "a/*",
  "a/**", "a/**/", "a/**/b", "a/**/*", "*/**", "*/**/b", "**/b", "**/b/**", "/*", "/**", "/**/b", "**/a/**/b", "a/**b", "a**/b", "**/", "*/", "a/", "a/?", "?/b", ".?", "a.?", "a/.*", "*/.b", "**/.b", "a/**/.b",
  "!a", "!*", "!**", "!a/**", "!!a", "!!*", "!!!a", "!*.js", "!feature/**", "!(a)", "!(a|b)", "!(a)*", "!(*)", "!(a/b)", "!(*.b).js", "*!(b)", "a!(b)", "a/!(b)", "!(a)/b", "!(**)", "!(.a)", "!!(a)", "!?(a)",
  "feature*", "feature/**", "dev*", "v*", "v[0-9]*", "v[0-9].*.*", "v+([0-9]).+([0-9]).+([0-9])", "release/*", "{main,dev}", "{main,dev*}", "@(main|dev)", "+(a|b)", "*(a|b)", "?(a)b", "?(a|.)b", "(a|b)", "(a|b)c",
  "[ab]", "[a-c]b", "[^a]", "[^a]*", "[[:alpha:]]", "[[:alpha:]]*", "[[:upper:]]", "[[:lower:]]*", "[.]a", "[^.]a", "[/]", "a[/]b", "{a,b}", "{a,b}/b", "{a,a/b}", "{*,.*}", "a{,b}", "{a..c}", "{a..c}b", "a{b..c}", "A", "É", "é", "日?", "??",
  "a|b", "*|b", "a,b", "a b", "a\\b", "\\a", "\\*", "\\.a", "a\\/b", "a\\.b", "@a", "a@b", "a+b", "a$", "^a", "#a", "~a", "a;b", "'a'", "a]", "a}", "a)", "[a", "[]", "[", "]", "}", ")", "(a", "*(", "a{b}c", "{a}", "{}", "{,}", "()", "@()",
];
for (const pattern of alone) {
  const names = new Set([pattern, ...times(9, () => pick(pool))]);
  for (const name of names) add(pattern, name);
}

// What is text in a pattern, found as such.
for (const name of ["fix[1]", "a*b", "v{1}", "a(b)", "!a", "@(a)", "a+b", "a?b", "[x]", "{a,b}", "!(a)", "**", "a|b", "$a", "^a", "a\\b", "*(a)", "+(a|b)", "[a-c]", "./a", "#1", "c++", "a^b", "(a", "{a", "a\"b"]) {
  add(name, name);
  add(`${name}*`, name);
  add(`*${name}`, name);
  add(`${name}/*`, `${name}/x`);
}

// All of it together.
for (let n = 0; n < 1100; n += 1) {
  const { pattern, name } = generate();
  for (let m = 0; m < 4; m += 1) add(pattern, name());
}

// Where micromatch is odd, as docs/globs.md lists it.
const odd = {
  "[!a]": ["a", "b", "!"],
  "v[!0-9]x": ["vax", "v1x", "v!x"],
  "[^[:alpha:]]a": ["1a", "/a"],
  "v{1..10}": ["v1", "v7", "v10", "v0"],
  "{01..03}": ["01", "03", "04"],
  "{0..9..3}": ["3", "4", "6"],
  "v1.{1..3}": ["v1.2", "v1.4", "x2"],
  "a.[[:digit:]]": ["a.1", ".1", "a.x"],
  "v@(a|b){1..3}": ["va1", "vb2", "v1"],
  "v.x/***": ["v.x/a", ".x/a"],
  "+(a|aa)": ["a", "aaa", "+(a|aa)"],
  "*(*(a)|b)": ["aab", "c"],
  "\\d": ["d", "1"],
  "a\\b": ["ab", "a"],
  "a\\b*": ["ab", "a-"],
  "v\\w*": ["vw", "vx", "vw1"],
  "c++*": ["c++", "c++1", "c+"],
  "?": ["🎉", "é"],
  "[🎉]": ["🎉", "a"],
  "{a*": ["{ab", "ab"],
  "[9-0]a": ["9a"],
  "+(a)+": ["a"],
  "@(a*": ["ab"],
};
for (const [pattern, names] of Object.entries(odd)) for (const name of names) add(pattern, name);

// Lists, of which the order matters.
const listed = [
  "*", "**", "main", "dev", "dev*", "feature*", "feature/**", "release/*", "v*", "v[0-9]*", "*.js", "a", "a/*", "{a,b}", "@(a|b)", "!(a)", "!(dev*)", "!main", "!dev", "!dev*", "!feature/**", "!**", "!*", "!a", "!a/**", "!v1*", "!!dev", "!{a,b}",
  "!release/*", "!*.js",
];
const lists = new Map();
const addList = (patterns, name) => lists.set(JSON.stringify([patterns, name]), { patterns, name });
for (let n = 0; n < 600; n += 1) {
  const negatives = listed.filter((pattern) => pattern.startsWith("!"));
  const from = next() < 0.2 ? negatives : listed;
  addList(times(pick([1, 2, 2, 3, 3, 4]), () => pick(from)), pick(pool));
}

const cases = [
  ...[...pairs.values()].map(({ pattern, name }) => ({ pattern, name, matches: micromatch.isMatch(name, pattern) })),
  ...[...lists.values()].map(({ patterns, name }) => ({ patterns, name, matches: micromatch([name], patterns).length === 1 })),
];
const lines = cases.map((one) => `    ${JSON.stringify(one)}`).join(",\n");
process.stdout.write(`{\n  "oracle": "micromatch 4.0.8 with picomatch 2.3.2",\n  "cases": [\n${lines}\n  ]\n}\n`);
