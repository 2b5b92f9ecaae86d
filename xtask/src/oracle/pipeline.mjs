// Pipeline expressions, evaluated by Node itself as JavaScript.

import { picker, random, record } from "./generate.mjs";

const context = {
  env: { NAME: "web", N: 3, FLAG: true, EMPTY: "", "A-B": "dash" },
  git: { ref: "refs/heads/main", branch: "main", tag: null, message: "fix: it's \"done\" 🎉" },
  steps: { build: { status: "success", outputs: { size: 12, hit: false } } },
  inputs: { list: ["a", "b", 1, null, { x: 1 }], numbers: [3, 1, 2], none: [], nested: { a: { b: ["deep"] } }, zero: 0 },
};

// Our functions, as the contract describes them, on JavaScript's own.
const at = (from, length) => (from < 0 ? Math.max(length + Math.trunc(from), 0) : Math.trunc(from) || 0);
const sameValueZero = (a, b) => a === b || (a !== a && b !== b);
const functions = {
  contains(collection, value, from = 0) {
    if (typeof collection === "string") return collection.includes(value, at(from, collection.length));
    if (collection === null || typeof collection !== "object") return false;
    const items = Object.values(collection);
    return items.slice(at(from, items.length)).some((item) => sameValueZero(item, value));
  },
  startsWith: (text, part, position) => String(text ?? "").startsWith(part, position),
  endsWith: (text, part, position) => String(text ?? "").endsWith(part, position),
  toJSON: (value) => JSON.stringify(value),
  fromJSON: (text) => JSON.parse(text),
  join: (list, separator = ",") => list.join(separator),
  success: () => true,
  failure: () => false,
  cancelled: () => false,
  always: () => true,
};

const next = random(20240229);
const pick = picker(next);

const values = [
  "0", "1", "-1", "2.5", "10", "1e21", "''", "'a'", "'b'", "'1'", "'10'", "' 2 '", "'0x1f'", "'x1'", "true", "false",
  "null", "undefined", "(0 / 0)", "(1 / 0)", "inputs.list", "inputs.numbers", "inputs.none", "inputs.nested", "env.N",
  "env.NAME", "env.FLAG", "env.EMPTY", "git.tag", "inputs.missing", "'🎉'", "'é'", "fromJSON('[1]')", "fromJSON('{}')",
];
const operators = ["+", "-", "*", "/", "%", "<", "<=", ">", ">=", "==", "!=", "===", "!==", "&&", "||", "??"];

const expressions = [];
for (const value of values) {
  expressions.push(value, `!${value}`, `-(${value})`, `typeof ${value}`, `'' + ${value}`, `${value} ? 'yes' : 'no'`);
}
for (const operator of operators) {
  for (let n = 0; n < 22; n += 1) expressions.push(`${pick(values)} ${operator} ${pick(values)}`);
}

// Literals.
expressions.push(
  "1.50", ".5", "5.", "1e3", "1E-2", "1_000", "0x1F", "0b11", "0o17", "0XfF", "123456789012345680000", "1e-7", "0.1 + 0.2",
  "-0", "1 / -0", "9007199254740993", "5e-324", "1.7976931348623157e308", "1e309", "'it\\'s'", "\"it's\"", "'\\x41\\u0042'",
  "'\\u{1f389}'", "'\\ud83c\\udf89'", "'\\q\\0\\v\\b\\f'", "'a\\\nb'", "'\\u2028'", "'日本'", "01", "08", "1__0", "1_", "_1", "0x", "1x",
  "1e", "1.2.3", "'\\x4'", "'\\u{110000}'", "'\\1'", "'abc", "\"abc'", "'a\nb'", "", "   ", "true", "false", "truee", "3in",
);

// Properties.
expressions.push(
  "env['NAME']", "env['NA' + 'ME']", "env?.NAME", "env?.['NAME']", "env . NAME", "env[\"A-B\"]", "env.A-B", "inputs.list[0]",
  "inputs.list['1']", "inputs.list['01']", "inputs.list[-1]", "inputs.list[99]", "inputs.list[1.5]", "inputs.list.length",
  "inputs.list[4].x", "inputs.list[3]", "inputs.nested.a.b[0]", "inputs.nested.a.b[0][1]", "inputs.nested['a']['b']",
  "env.NAME.length", "env.NAME[0]", "env.NAME['length']", "'abc'[1]", "'abc'[3]", "'abc'.length", "'🎉'.length", "''[0]",
  "env.N.length", "env.FLAG.x", "git.tag.name", "git.tag?.name", "null.x", "undefined.x", "null?.x", "steps.deploy",
  "steps.deploy.status", "steps.deploy?.status", "steps.deploy?.status.x", "steps['deploy']['outputs']", "nothing", "nothing.x",
  "typeof nothing", "nothing?.x", "inputs[env.NAME]", "inputs['li' + 'st'].length", "inputs[undefined]", "inputs[null]",
  "inputs[inputs.none]", "inputs.list[inputs.zero]", "inputs.list[true]", "env.typeof", "env.in", "env.constructor", "env.toString",
  "env.__proto__", "'abc'.trim", "inputs.list.map", "inputs.numbers[1] + inputs.numbers[2]", "(inputs).list", "(inputs.list)[1]",
  "fromJSON('{\"a\":[1,[2,3]]}').a[1][0]", "true?.5:1", "env.a.b.c ?? 1", "inputs.missing.deep == null",
);

// Functions.
const subjects = ["env.NAME", "'abcabc'", "''", "'🎉a'", "inputs.list", "inputs.numbers", "inputs.none", "inputs.nested", "env", "undefined", "git.tag", "12"];
const parts = ["'b'", "''", "'a'", "'web'", "1", "3", "null", "'1'", "true", "'🎉'", "'eb'"];
const places = ["", "", ", 0", ", 1", ", -1", ", 2", ", 99", ", 1.5"];
for (let n = 0; n < 70; n += 1) {
  const name = pick(["contains", "contains", "startsWith", "endsWith"]);
  expressions.push(`${name}(${pick(subjects)}, ${pick(parts)}${pick(places)})`);
}
for (const value of values) expressions.push(`toJSON(${value})`);
expressions.push(
  "fromJSON('3') + 1", "fromJSON('[1, {\"a\": null}]')", "fromJSON('\"a\"')", "fromJSON('null')", "fromJSON('{')", "fromJSON('')",
  "fromJSON('[1,]')", "fromJSON('01')", "fromJSON(' true ')", "fromJSON('1e2')", "fromJSON(toJSON(inputs.list))[1]",
  "fromJSON('{\"a\": 1, \"a\": 2}')", "fromJSON('[1.0, 1e21, 0.1]')", "fromJSON('\"\\\\u00e9\"')", "fromJSON(3)", "fromJSON(null)",
  "toJSON('a\"\\\\\\n\\u0007')", "toJSON('\\u2028é')", "join(inputs.numbers)", "join(inputs.numbers, '-')", "join(inputs.none, '-')",
  "join(inputs.list)", "join(inputs.numbers, '')", "join(inputs.numbers, null)", "join(inputs.nested.a.b, ' and ')", "contains('a', 'b', )",
  "success()", "!failure()", "failure() || cancelled()", "always() && success( )", "success() ? 1 : 2", "success", "nope()", "env.NAME()",
  "'a'.trim()", "'a'.includes('a')", "inputs.list.join('-')", "success()()", "(1)(2)", "contains()", "toJSON(1, 2)", "toJSON()",
);

// What the language leaves out, and what nobody can read.
expressions.push(
  "env.N = 3", "env.N += 1", "env.N++", "--env.N", "a => 1", "function () {}", "[1, 2]", "[...inputs.list]", "({a: 1})", "`a`", "`${1}`",
  "1, 2", "1; 2", "new Date(0)", "delete env.N", "void 0", "'NAME' in env", "env instanceof Object", "+1", "+'3'", "~1", "2 ** 3",
  "1 & 2", "1 | 2", "1 ^ 2", "1 << 2", "1 >> 2", "/a/", "this", "if (true) 1", "var a = 1", "await 1", "1 +", "(1",
  "1)", "1 2", "env NAME", "env.", "env[", "env[]", "1 ? 2", "1 ? 2 :", "? 1 : 2", "* 1", "1 * / 2", "&& 1", "!", "typeof", "a ?? b || c",
  "1 ?? 2 && 3", "(1 ?? 2) && 3", "1 && (null ?? 2)", "(null || 0) ?? 1", "#", "@a", "1 === = 2", "1 <> 2", "env..NAME", "env.1", "(1, 2)", "()",
  "1 // comment", "1 /* comment */ + 1", "1 <!-- 2", "env?.", "'a' 'b'", "!(", "env.N !", "null = 1", "Infinity", "NaN", "Math.max(1, 2)",
);

// Trees of all of it.
function tree(depth) {
  if (depth === 0 || next() < 0.15) return pick(values);
  const sub = () => tree(depth - 1);
  switch (Math.floor(next() * 9)) {
    case 0:
      return `(${sub()} ? ${sub()} : ${sub()})`;
    case 1:
      return `!${pick(values)}`;
    case 2:
      return `(${sub()})`;
    case 3:
      return `contains(${sub()}, ${sub()})`;
    case 4:
      return `typeof (${sub()})`;
    default: {
      // `??` may not stand beside `&&` and `||`.
      const operator = pick(operators);
      return operator === "??" ? `(${sub()} ?? ${sub()})` : `${sub()} ${operator} ${sub()}`;
    }
  }
}
for (let n = 0; n < 200; n += 1) expressions.push(tree(3));

const names = [...Object.keys(context), ...Object.keys(functions)];
const bound = [...Object.values(context), ...Object.values(functions)];
record(`Node ${process.versions.node.split(".")[0]}`, context, expressions, (expression) => {
  const copies = bound.map((value) => (typeof value === "function" ? value : structuredClone(value)));
  const body = `"use strict"; return (${expression}\n);`;
  return new Function(...names, body)(...copies);
});
